"""Measuring: features, distances with their floors and intervals, and what samples look like."""
