"""Measures of samples: features, distances with floors and intervals, and the share of digits."""
