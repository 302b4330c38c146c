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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from diffusion.evaluation.statistics import numpy_generator
from diffusion.processes.samplers import DDIM, visits
from paper import same
from report.measures.probes import SHIFT
from report.results.definitions import define
from report.results.settings import is_library, make, make_schedule, shorten, vary
from report.results.table import Record, Row, Samples
from report.results.views import Results, Training

N = 100_000  # simulated offsets; many, because a few large ones determine the spread
WATCHED = 30  # epochs of a course
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
    """A set of samples of a DDPM, for a comparison with the predicted drift.

    Attributes:
        one: the training.
        place: name of the training, after the name of its release if it is from another run.
        way: name of the variant, or "" for the model's own sampler.
        samples: measures of the samples.
        known: prediction from notebook 09, if it exists.
    """

    one: Training
    place: str
    way: str
    samples: Samples
    known: Row | None = None

    @property
    def ddim(self) -> bool:
        return isinstance(self._sampler, DDIM)

    @property
    def _sampler(self) -> Any:
        changes = self.one.changes[self.way].unread if self.way else {}
        return make(vary(self.one.train.unread, changes))[0]

    @property
    def kind(self) -> str:
        """Kind of network: "U-Net", "dilated", "RMS norm", or "original network"."""
        network = self.one.parts["network"]
        if network["class"] == "diffusion:UNet":
            return "U-Net"
        return "RMS norm" if network["norm"] == "rms" else "dilated" if network["dilations"] else ORIGINAL

    @property
    def predicted(self) -> float:
        """Predicted standard deviation of the mean grey over samples: from notebook 09, or computed."""
        return self.known.interval.value if self.known else self.follow()

    def follow(self) -> float:
        """Compute the prediction by following offsets through the steps of sampling."""
        schedule = make_schedule(self.one.parts["schedule"])
        steps = visits(self._sampler, schedule.T)
        return spread(schedule.alpha_bar.numpy(), responses(self.one.measured), steps, self.ddim)

    @property
    def border(self) -> float:
        """Measured standard deviation of the border's mean grey over samples, before clamping."""
        return self.samples["border"].sd


def responses(measured: Record) -> list[Response]:
    """The responses of a network to several shifts, smallest first."""
    known = []
    for way, samples in measured.ways.items():
        if way.startswith("shift "):
            part = [response.value for response in samples["response"]]
            known.append(Response(float(way.removeprefix("shift ")), samples.places("response"), part))
    return sorted(known)


def ways(results: Results) -> list[Drift]:
    """All sets of DDPM samples with a known response, from the run and the releases `beyond` and `starts`."""
    rows = results.jobs["level"].rows if "level" in results.jobs else []
    known = {(row.model, row.way): row for row in rows}
    drifts = []
    for run in _runs(results):
        prefix = "" if run is results else f"{run.out.name}/"
        for training in run.trainings.values():
            for way in _ways(training):
                place = prefix + training.name
                drifts.append(Drift(training, place, way, training.measured[way], known.get((place, way))))
    return drifts


def _ways(training: Training) -> list[str]:
    """Ways to sample a training, its own ("") first; empty if the drift cannot be predicted."""
    if not (training.measured and "shift 1" in training.measured):
        return []
    parts = [training.parts["network"], training.parts["schedule"], training.parts["sampler"]]
    parts += [vary(training.train.unread, way.unread)["sampler"] for way in training.changes.values()]
    return ["", *training.changes] if all(is_library(part["class"]) for part in parts) else []


def _runs(results: Results) -> list[Results]:
    """The run itself, and the releases `beyond` and `starts`."""
    return [results, *(results.beside[name] for name in ("beyond", "starts") if name in results.beside)]


def distinct(drifts: Sequence[Drift]) -> list[list[Drift]]:
    """The sets of samples of each training; a run that begins as a longer one is the same training."""
    groups = same.group({id(drawn.one): drawn.one for drawn in drifts}.values())
    return [[drawn for drawn in drifts if any(drawn.one is one for one in group)] for group in groups]


def courses(results: Results) -> dict[str, list[Course]]:
    """Courses of the response in the first epochs, for each training of each noise schedule.

    If several runs are the same training, the course comes from the run with the most measured epochs.
    """
    known: dict[str, list[Course]] = {}
    for group in same.list_trainings(_runs(results)):
        schedule = group[0].parts["schedule"]
        if not schedule or group[0].model != shorten(schedule["class"]):
            continue
        points = max((_course(training) for training in group), key=len)
        if len(points) > 1:
            known.setdefault(group[0].model, []).append(Course(group[0].seed, points))
    return known


def _course(training: Training) -> list[tuple[int, float]]:
    rows = [row for row in training.curve if row.epoch <= WATCHED and "response" in row]
    return [(row.epoch, row["response"].value) for row in rows]


def real(results: Results) -> float:
    """Standard deviation of the border's mean grey over real images."""
    return next(training.real["border"].sd for training in results.trainings.values() if training.measured)
