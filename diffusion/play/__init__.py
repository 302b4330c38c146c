"""The experiment in a browser: one page from disk (`tools/page.py`), or a widget (`diffusion.widget`)."""
