"""One function a claim of the study, chapter by chapter."""
