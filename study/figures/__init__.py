"""The figures of a run: `draw(results, folder)` writes all of them, from its records and kept images."""

from study.figures.catalogue import FIGURES, draw, figures_of, quality
from study.figures.evidence import changes

__all__ = ["FIGURES", "changes", "draw", "figures_of", "quality"]
