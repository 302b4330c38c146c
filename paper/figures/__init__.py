"""The figures of the paper: functions of its results, for cells of its notebooks (see `report.figures`)."""

# ruff: noqa: F401 - notebooks import them from here
from paper.figures.answer import answer
from paper.figures.changes import changes
from paper.figures.classes import mix
from paper.figures.effects import effects
from paper.figures.evidence import offset_response, quality_calls
from paper.figures.losses import original_losses
from paper.figures.pictures import beyond, beyond_samples, front, nearest, quality, unpicked
from paper.figures.starts import blank, intervention, starts
from report.figures.distances import distances, losses
