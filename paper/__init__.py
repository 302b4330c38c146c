"""Our paper on a run of the profile `paper`: text, claims with verdicts, and figures."""
