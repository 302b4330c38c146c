"""Jobs: run a profile, and release its results."""
