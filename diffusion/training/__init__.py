"""Training: one network and one loop for all processes, resumable at any step, and sampling."""
