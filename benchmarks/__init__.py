"""Speed against the textbook's code: `baseline` is that code, `bench` measures both."""
