"""Jobs: what runs a profile, and what releases its results."""
