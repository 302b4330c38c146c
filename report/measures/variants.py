"""Variants: a finished training that is sampled otherwise, and what a sample costs."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from diffusion.bounds import STRICT, Count, nearest
from diffusion.evaluation.measures import MEASURES, Value, register
from diffusion.processes.samplers import SAMPLERS
from diffusion.training.run import Run
from report.results.settings import make, vary
from report.results.table import CHECKPOINT, REAL
from report.results.views import OF_MEASURING

Images = Annotated[int, Field(ge=12, le=60_000)]


@with_config(STRICT | {"extra": "forbid"})
class Variant(TypedDict, total=False):
    """Another way to sample a training. What it does not name is as in the training.

    Keys:
        sampler, prior: a name; another one begins without options.
        average: the weights are the mean over so many last epochs.
        n: images. Default: as many as of the finished model, or of a checkpoint.
        measures: names of the measures of samples that are taken. Default: all but slow ones, with the cost
            of a sample and, of another precision, `frechet_gap`.
        checkpoints: "late": it samples the late checkpoints in place of the finished model.
    """

    sampler: str | None
    sampler_options: dict[str, Any]
    prior: str | None
    prior_options: dict[str, Any]
    precision: Literal["fp32", "bf16"]
    average: Count
    n: Images
    measures: Annotated[list[str], Field(min_length=1)]
    checkpoints: Literal["late"]


def check_variant(name: str, variant: Variant) -> None:
    """Check a name and keys together; ValueError: one is refused."""
    if name in (CHECKPOINT, REAL) or name.startswith("shift "):
        raise ValueError(f"variants.{name}: rows of measuring have this name; choose another")
    if {"average", "checkpoints"} <= variant.keys():
        raise ValueError(f"variants.{name} has average and checkpoints; leave one of them out")
    for measure in variant.get("measures", []):
        if measure not in (known := names_of_samples()):
            hint = nearest(measure, known)
            raise ValueError(f"variants.{name}: measures has {measure!r}, no measure of samples{hint}")


def names_of_samples() -> list[str]:
    """The measures that are taken of a set of samples."""
    return [name for name, measure in MEASURES.items() if measure.arguments]


def make_variant(run: Run, described: Mapping[str, Any], variant: Variant) -> Run:
    """Make the training as a variant samples it; ValueError: a sampler or prior refuses its options.

    described: the training's own sampler and prior.
    """
    sampler, prior = make(vary(described, variant))
    return replace(run, sampler=sampler, prior=prior, precision=variant.get("precision", run.precision))


def is_own_precision(run: Run, variant: Variant) -> bool:
    """Return True if a variant changes nothing but the precision, to the one that the training has."""
    return variant.keys() - OF_MEASURING == {"precision"} and variant["precision"] == run.precision


def describe_sampler(run: Run) -> dict[str, Any]:
    """Describe how a training is sampled."""
    return {
        "sampler": next((name for name, cls in SAMPLERS.items() if type(run.sampler) is cls), "own"),
        "calls": run.calls,
        "noise": getattr(run.sampler, "noise", 0.0),
        "clip_x0": getattr(run.sampler, "clip_x0", False),
    }


@register(
    calls=("calls", "of the network for one image"),
    seconds=("seconds", "of the processor for one sample, all threads together"),
)
def cost(run: Run, n: int = 128) -> dict[str, Value]:
    """The cost of a sample; its time is that of n drawn anew."""
    begin = time.process_time()
    run.sample(n)
    return {"calls": run.calls, "seconds": (time.process_time() - begin) / n}
