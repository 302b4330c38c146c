"""The drift of the mean grey level of samples, if the network misses offsets; there is no free parameter.

Raise a latent x_t of a DDPM by d in all pixels. Its noise then rises by d / sqrt(1 - alpha_bar_t). The
network reports a part rho of this rise, its *response* (`report.measures.probes.response`), which is smaller
for larger offsets. With b = 1 - alpha_bar, one step of sampling from t to s changes the offset to

    ancestral   d (1 - rho (1 - alpha_bar_t / alpha_bar_s) / b_t) sqrt(alpha_bar_s / alpha_bar_t)
    DDIM        d ((1 - rho) sqrt(alpha_bar_s / alpha_bar_t) + rho sqrt(b_s / b_t))

The ancestral step also adds noise, and the mean of this noise over 784 pixels is another offset. With small
steps, an offset shrinks if rho > b_t / 2, with DDIM if rho > b_t. At t = T this is a half, and one. If the
network is blind (rho = 0), the offset of the start, with standard deviation 1 / 28, grows by a factor of
1 / sqrt(alpha_bar_T).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from diffusion.evaluation.statistics import numpy_generator
from report.measures.probes import SHIFT
from report.results.definitions import define
from report.results.settings import shorten, vary
from report.results.table import Row
from report.results.views import Results, Training

N = 100_000  # simulated offsets; many, because a few large ones determine the spread
WATCHED = 30  # epochs of a course
HALF = 0.5  # response at t = T above which an ancestral step reduces an offset
BLANK = 1.0  # spread of the border (the range of pixels) above which most samples are a square of one grey
# A network with a smaller response at t = T ignores the offset of its input.
UNREAD = define("unread_response", 0.1)
ORIGINAL = "original network"


class Course(NamedTuple):
    """The response of a training run along its first epochs."""

    seed: int
    points: list[tuple[int, float]]  # epoch, response at t = T


class Response(NamedTuple):
    """The part of a shift that a network reports at time steps t; the shift is `size` times `SHIFT`."""

    size: float
    t: Sequence[float]
    part: Sequence[float]


def spread(alpha_bar: np.ndarray, responses: Sequence[Response], steps: list[int], ddim: bool) -> float:
    """Predict the standard deviation of the mean grey of samples.

    Simulates `N` offsets, each with the response to its own size, interpolated between the given responses.

    Args:
        alpha_bar: (T + 1,), with alpha_bar[0] = 1.
        responses: responses to several sizes, smallest first.
        steps: time steps of sampling, from T down to 0.
        ddim: True for DDIM, False for ancestral sampling.
    """
    random = numpy_generator("drift")
    offset = SHIFT * random.standard_normal(N)  # of the mean of 784 pixels of unit noise
    sizes = np.log([response.size for response in responses])
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        kept, b_t, b_s = alpha_bar[t] / alpha_bar[s], 1 - alpha_bar[t], 1 - alpha_bar[s]
        at_t = [np.interp(t, response.t, response.part) for response in responses]
        size = np.abs(offset) / np.sqrt(b_t) / SHIFT
        rho = np.interp(np.log(np.maximum(size, 1e-9)), sizes, at_t)
        if ddim:
            offset *= (1 - rho) / np.sqrt(kept) + rho * np.sqrt(b_s / b_t)
        else:
            offset *= (1 - rho * (1 - kept) / b_t) / np.sqrt(kept)
            offset += np.sqrt(1 - kept) * SHIFT * random.standard_normal(N) * (s > 0)
    return float(offset.std())


def corrected(responses: Sequence[Response], added: float) -> list[Response]:
    """Responses after a correction that adds the part `added` of the missed offset to the prediction."""
    return [
        response._replace(part=[rho + added * (1 - rho) for rho in response.part]) for response in responses
    ]


@dataclass(frozen=True, eq=False)
class Drift:
    """A set of samples of a DDPM, with the predicted drift from notebook 09.

    Attributes:
        training: the training run.
        variant: name of the variant, or "" for the model's own sampler.
        prediction: row of the record `level`.
    """

    training: Training
    variant: str
    prediction: Row

    @property
    def ddim(self) -> bool:
        train = self.training.train.unread
        changes = self.training.changes[self.variant].unread if self.variant else {}
        return vary(train, changes)["sampler"]["class"] == "diffusion:DDIM"

    @property
    def kind(self) -> str:
        """Kind of network: "U-Net", "dilated", "RMS norm", or "original network"."""
        network = self.training.parts["network"]
        if network["class"] == "diffusion:UNet":
            return "U-Net"
        return "RMS norm" if network["norm"] == "rms" else "dilated" if network["dilations"] else ORIGINAL

    @property
    def predicted(self) -> float:
        """Predicted standard deviation of the mean grey over samples."""
        return self.prediction.interval.value

    @property
    def border(self) -> float:
        """Measured standard deviation of the border's mean grey over samples, before clamping."""
        return self.training.measured[self.variant]["border"].sd


def list_runs(results: Results) -> dict[str, Training]:
    """The runs, and the runs of the releases `beyond` and `starts`, by their name in the record `level`."""
    runs = {training.name: training for training in results.trainings.values()}
    for release in ("beyond", "starts"):
        if release in results.beside:
            trainings = results.beside[release].trainings.values()
            runs |= {f"{release}/{training.name}": training for training in trainings}
    return runs


def list_drifts(results: Results) -> list[Drift]:
    """The sets of DDPM samples whose drift notebook 09 has predicted."""
    rows = results.jobs["level"].rows if "level" in results.jobs else []
    runs = list_runs(results)
    return [Drift(runs[row.model], row.way, row) for row in rows if row.model in runs]


def group(runs: Iterable[Training]) -> list[list[Training]]:
    """Group runs by training, the longest run first: the shorter ones are its beginning.

    Runs of a model are the same training if their settings, which include the seed, are equal. Notebook 09
    asserts that their losses are.
    """
    groups: dict[str, list[Training]] = {}
    for run in dict.fromkeys(runs):
        groups.setdefault(json.dumps([run.model, run.settings.unread], sort_keys=True), []).append(run)
    return [sorted(same, key=lambda run: -run.train.unread["epochs"]) for same in groups.values()]


def courses(results: Results) -> dict[str, list[Course]]:
    """Courses of the response in the first epochs, for each training of each noise schedule.

    If several runs are the same training, the course comes from the run with the most measured epochs.
    """
    known: dict[str, list[Course]] = {}
    for first, *others in group(list_runs(results).values()):
        schedule = first.parts["schedule"]
        if not schedule or first.model != shorten(schedule["class"]):
            continue
        points = max((_course(run) for run in (first, *others)), key=len)
        if len(points) > 1:
            known.setdefault(first.model, []).append(Course(first.seed, points))
    return known


def _course(training: Training) -> list[tuple[int, float]]:
    rows = [row for row in training.curve if row.epoch <= WATCHED and "response" in row]
    return [(row.epoch, row["response"].value) for row in rows]


def spreads(results: Results) -> dict[int, dict[int, float]]:
    """The spread of the border of the linear DDPM's samples: seed -> epoch -> standard deviation.

    A run that repeats the start of another one adds its epochs to that one.
    """
    own = [one for name, one in list_runs(results).items() if one.model == "linear" and "beyond/" not in name]
    return {
        runs[0].seed: {row.epoch: row["border"].sd for run in runs for row in run.curve if "border" in row}
        for runs in group(one for one in own if one.measured)
    }


def blank_until(results: Results) -> list[int]:
    """The last epoch in which the linear DDPM draws blank samples, of runs with each epoch measured."""
    found = []
    for by_epoch in spreads(results).values():
        last = max((epoch for epoch, spread in by_epoch.items() if spread > BLANK), default=0)
        if last and {*range(1, last + 1)} <= by_epoch.keys():
            found.append(last)
    return found


def real(results: Results) -> float:
    """Standard deviation of the border's mean grey over real images."""
    return next(training.real["border"].sd for training in results.trainings.values() if training.measured)
