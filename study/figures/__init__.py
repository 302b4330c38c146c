"""The figures of a run: `draw(results, folder)` writes all of them, from its records and kept images."""

from study.figures.beyond import beyond as beyond
from study.figures.beyond import changes as changes
from study.figures.catalogue import beyond_samples as beyond_samples
from study.figures.catalogue import draw as draw
from study.figures.catalogue import first_samples as first_samples
from study.figures.catalogue import mix as mix
from study.figures.catalogue import quality as quality
from study.figures.catalogue import unpicked as unpicked
from study.figures.distances import class_map as class_map
from study.figures.distances import classes_along as classes_along
from study.figures.distances import common_loss as common_loss
from study.figures.distances import distances as distances
from study.figures.distances import losses as losses
from study.figures.evidence import offset_response as offset_response
from study.figures.evidence import quality_calls as quality_calls
from study.figures.evidence import recognised_kinds as recognised_kinds
from study.figures.evidence import sampling_noise as sampling_noise
from study.figures.evidence import yardstick as yardstick
from study.figures.starts import starts as starts
from study.figures.styles import FIGURES as FIGURES
