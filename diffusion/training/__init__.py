"""Training: one network and one loop for every process, resumable at any step, and sampling."""
