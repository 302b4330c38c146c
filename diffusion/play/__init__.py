"""The experiment in a browser: a page from disk (`tools/page.py`), or `diffusion.play.widget`."""
