"""Speed compared with textbook code: `baseline` contains the textbook code, `bench` measures both."""
