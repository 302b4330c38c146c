"""Variants: other ways to sample a finished training run, and the cost of a sample."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, with_config
from torch import nn
from typing_extensions import TypedDict

from diffusion.arguments import STRICT, Count, nearest
from diffusion.evaluation.measures import Value
from diffusion.processes.samplers import SAMPLERS
from diffusion.training.run import Run
from report.measures.registry import MEASURES, register
from report.results.settings import make, vary
from report.results.table import CHECKPOINT, REAL

Images = Annotated[int, Field(ge=12, le=60_000)]


@with_config(STRICT | {"extra": "forbid"})
class Variant(TypedDict, total=False):
    """Another way to sample a training run. Missing keys are as in the run itself.

    Keys:
        sampler, prior: name of a sampler or prior; a new one starts without options.
        sampler_options, prior_options: its options.
        precision: "fp32" or "bf16".
        average: number of last epochs, at most all, over which the weights are averaged.
        n: number of images. Default: the same as for the finished model, or for a checkpoint.
        measures: names of measures of samples. Default: all quick ones, the cost of a sample and, for another
            precision, `frechet_gap`.
        checkpoints: "late" samples the late checkpoints instead of the finished model.
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
    """Check the name and the keys of a variant; ValueError: a value is not allowed."""
    if name in (CHECKPOINT, REAL) or name.startswith("shift "):
        raise ValueError(f"variants.{name}: this name is reserved for other rows; choose another")
    for measure in variant.get("measures", []):
        if measure not in (known := names_of_samples()):
            hint = nearest(measure, known) or f"; allowed: {', '.join(known)}"
            raise ValueError(f"variants.{name}: {measure!r} in measures is not a measure of samples{hint}")


def names_of_samples() -> list[str]:
    """Names of all measures of a set of samples."""
    return [name for name, measure in MEASURES.items() if measure.function]


@dataclass
class AveragedRun(Run):
    """A run whose last weights are the mean over its last epochs."""

    average: int = 1  # number of these epochs

    def network(self, epoch: int | None = None) -> nn.Module:
        """The network after an epoch; without one, with the mean weights."""
        network = super().network(epoch)
        if epoch is None:
            states = [self.store.read_weights(line) for line in self.history[-self.average :]]
            fractions = [name for name, value in states[0].items() if value.is_floating_point()]
            means = {name: torch.stack([state[name] for state in states]).mean(0) for name in fractions}
            network.load_state_dict(states[0] | means)
        return network


def make_variant(run: Run, described: Mapping[str, Any], variant: Variant) -> Run:
    """Copy a run with the sampler, prior and precision of a variant.

    Args:
        run: the run.
        described: descriptions of the run's sampler and prior.
        variant: the variant.

    Raises:
        ValueError: a sampler or prior does not allow its options.
    """
    sampler, prior = make(vary(described, variant))
    precision = variant.get("precision", run.precision)
    varied = replace(run, sampler=sampler, prior=prior, precision=precision)
    if "average" not in variant:
        return varied
    parts = {part.name: getattr(varied, part.name) for part in fields(varied)}
    return AveragedRun(**parts, average=variant["average"])


def describe_sampler(run: Run) -> dict[str, Any]:
    """Describe the sampler of a run."""
    return {
        "sampler": next((name for name, cls in SAMPLERS.items() if type(run.sampler) is cls), "own"),
        "calls": run.calls,
        "noise": getattr(run.sampler, "noise", 0.0),
        "clip_x0": getattr(run.sampler, "clip_x0", False),
    }


@register(
    calls=("calls", "network calls for one image"),
    seconds=("seconds", "processor time for one sample, all threads together"),
)
def cost(run: Run, n: int = 128) -> dict[str, Value]:
    """The cost of a sample, by name; draws n samples to measure the time."""
    run.fitted()  # the cost is without the fit of a prior
    begin = time.process_time()
    run.sample(n)
    return {"calls": run.calls, "seconds": (time.process_time() - begin) / n}
