"""The drift of the mean level of samples under a network that misses offsets: no free parameter.

Raise a latent x_t of a DDPM by d in all pixels. The noise that it holds is then higher by
d / sqrt(1 - alpha_bar_t), of which the network reports the part rho, its *response*
(`study.probes.response`), the smaller the larger the offset is. With b = 1 - alpha_bar, one step of sampling
from t to s turns the offset into

    ancestral   d (1 - rho (1 - alpha_bar_t / alpha_bar_s) / b_t) sqrt(alpha_bar_s / alpha_bar_t)
    DDIM        d ((1 - rho) sqrt(alpha_bar_s / alpha_bar_t) + rho sqrt(b_s / b_t))

and the ancestral step adds noise whose mean over 784 pixels is an offset of its own. In small steps an
offset shrinks where rho > b_t / 2, with DDIM where rho > b_t: at t = T a half, and all of it. Under a network
that is blind, rho = 0, that of the start, of standard deviation 1 / 28, grows by 1 / sqrt(alpha_bar_T).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np

from diffusion.evaluation.statistics import numpy_generator
from diffusion.processes.samplers import DDIM, visits
from study.measure import trained_as
from study.probes import SHIFT
from study.records import Response, Results, Sampled, Trained

N = 4_000  # offsets that are followed
WATCHED = 30  # epochs of a course
Course = list[tuple[int, float]]  # epoch, response at t = T


@dataclass(frozen=True)
class Drift:
    """Samples of a DDPM, drawn in one way.

    Attributes:
        training: its loss in the first epoch, which no other has: it may be released short and long.
        kind: of its network: "U-Net", "dilated", "RMS norm", or "study's network".
        way: its name in the profile; empty for the model's own.
        response: of its network at t = T.
        predicted: standard deviation of the mean grey over samples, by the law.
        border: the same as measured, of the border, before clamping.
        distance: Fréchet distance of the samples.
    """

    model: str
    training: float
    kind: str
    way: str
    ddim: bool
    response: float
    predicted: float
    border: float
    distance: float


def spread(alpha_bar: np.ndarray, responses: Sequence[Response], steps: list[int], ddim: bool) -> float:
    """Standard deviation of the mean grey of samples that are drawn through `steps`, from T down to 0.

    `N` offsets are drawn and followed, each by the response to its own size.

    Args:
        alpha_bar: (T + 1,), with alpha_bar[0] = 1.
        responses: at some time steps and sizes of the offset, smallest first, between which they are
            interpolated.
    """
    random = numpy_generator("drift")
    offset = SHIFT * random.standard_normal(N)  # of the mean of 784 pixels of unit noise
    sizes = np.log([one.size for one in responses])
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        kept, b_t, b_s = alpha_bar[t] / alpha_bar[s], 1 - alpha_bar[t], 1 - alpha_bar[s]
        at_t = [np.interp(t, one.t, [each.value for each in one.response]) for one in responses]
        size = np.abs(offset) / np.sqrt(b_t) / SHIFT
        rho = np.interp(np.log(np.maximum(size, 1e-9)), sizes, at_t)
        if ddim:
            offset *= (1 - rho) / np.sqrt(kept) + rho * np.sqrt(b_s / b_t)
        else:
            offset *= (1 - rho * (1 - kept) / b_t) / np.sqrt(kept)
            offset += np.sqrt(1 - kept) * SHIFT * random.standard_normal(N) * (s > 0)
    return float(offset.std())


def drifts(results: Results) -> list[Drift]:
    """Every way in which samples of the DDPMs of a run were drawn, where their response is known."""
    return [found for one in results.trainings.values() for found in _of(one)]


def _of(one: Trained) -> list[Drift]:
    if not (one.analysis and one.analysis.response and one.measure):
        return []
    settings, response = trained_as(one.train), one.analysis.response
    ways = {"": (one.measure.final, {})} | {k: (w, w.changes) for k, w in one.measure.ways.items()}
    named = [
        settings.network,
        settings.schedule,
        settings.sampler,
        *(w.get("sampler") for _, w in ways.values()),
    ]
    if any(":" in (name or "") for name in named):  # a module of a user's own, which no report imports
        return []
    responses = [response, *one.analysis.larger]
    alpha_bar = settings.process().schedule.alpha_bar.numpy()
    options = settings.network_options
    kind = "RMS norm" if "norm" in options else "dilated" if "dilations" in options else "study's network"
    kind = "U-Net" if settings.network == "unet" else kind

    def drift(measured: Sampled, way: str, changes: dict) -> Drift:
        sampler = settings.way(changes).sampler
        steps, ddim = visits(sampler, response.t[-1]), isinstance(sampler, DDIM)
        return Drift(
            *(one.model, _first_loss(one), kind, way, ddim),
            response=response.response[-1].value,
            predicted=spread(alpha_bar, responses, steps, ddim),
            border=measured.border.sd,
            distance=measured.frechet.value,
        )

    return [drift(found, name, changes) for name, (found, changes) in ways.items()]


def _first_loss(one: Trained) -> float:
    return one.train.history[0].train_loss


@dataclass(frozen=True)
class Level:
    """The response at t = T along training, by schedule, and what becomes of the level of samples.

    Attributes:
        courses: noise schedule -> the course of each training of it that was measured in its first epochs.
        ways: every way in which samples of a DDPM were drawn.
        finished: those of the run itself, each training's own way.
        real: the spread of the border of real images.
    """

    courses: dict[str, list[Course]]
    ways: list[Drift]
    finished: list[Drift]
    real: float

    @classmethod
    def of(cls, results: Results) -> Self:
        """Of a run, of the changes beyond the study, and of the trainings that are watched."""
        runs = [one for one in (results, results.further, results.watched) if one]
        found: dict[tuple[str, float], Course] = {}
        for one in (one for run in runs for one in run.trainings.values()):
            rows = [row for row in (one.measure.curve if one.measure else []) if row.epoch <= WATCHED]
            course = [(row.epoch, row.response.value) for row in rows if row.response]
            key = one.model, _first_loss(one)
            if len(course) > max(1, len(found.get(key, []))) and one.model == one.train.settings["schedule"]:
                found[key] = course  # of the study's model, and of each training the fullest
        courses: dict[str, list[Course]] = {}
        for (model, _), course in found.items():
            courses.setdefault(model, []).append(course)
        real = next(one.measure.real.border.sd for one in results.trainings.values() if one.measure)
        ways = [drifts(run) for run in runs]
        return cls(courses, [*chain(*ways)], [one for one in ways[0] if not one.way], real)
