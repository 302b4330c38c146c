"""The experiment in a browser: one file (`python -m play.page`), or a widget in a notebook."""
