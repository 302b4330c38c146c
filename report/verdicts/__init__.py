"""Verdicts on the study's claims: cases and their measures, effects that decide, judging, and the table."""
