"""Sampling in a browser: a page in one file (`python -m play.page`), or a widget in a notebook."""
