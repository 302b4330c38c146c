"""Our paper: its text, its claims and their verdicts, and its figures, of a run of the profile `paper`."""
