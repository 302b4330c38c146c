"""The experiment in a browser: one file (`python -m diffusion.play.page`), or a widget in a notebook."""
