"""The drift of the mean level of samples under a network that misses offsets: no free parameter.

Raise a latent x_t of a DDPM by d in all pixels. The noise that it holds is then higher by
d / sqrt(1 - alpha_bar_t), of which the network reports the part rho, its *response*
(`report.measures.probes.response`), the smaller the larger the offset is. With b = 1 - alpha_bar, one
step of sampling from t to s turns the offset into

    ancestral   d (1 - rho (1 - alpha_bar_t / alpha_bar_s) / b_t) sqrt(alpha_bar_s / alpha_bar_t)
    DDIM        d ((1 - rho) sqrt(alpha_bar_s / alpha_bar_t) + rho sqrt(b_s / b_t))

and the ancestral step adds noise whose mean over 784 pixels is an offset of its own. In small steps an
offset shrinks where rho > b_t / 2, with DDIM where rho > b_t: at t = T a half, and all of it. Under a network
that is blind, rho = 0, that of the start, of standard deviation 1 / 28, grows by 1 / sqrt(alpha_bar_T).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from diffusion.evaluation.statistics import numpy_generator
from diffusion.processes.samplers import DDIM, visits
from report.measures.probes import SHIFT
from report.results.settings import is_library, make, make_schedule, shorten, vary
from report.results.table import Record, Row, Samples
from report.results.views import Results, Training

N = 100_000  # offsets that are followed: a few that run away decide the spread
WATCHED = 30  # epochs of a course
STUDYS = "study's network"
Course = list[tuple[int, float]]  # epoch, response at t = T


class Response(NamedTuple):
    """The part of a shift of `size` times `SHIFT` that a network reports, at time steps t."""

    size: float
    t: Sequence[float]
    part: Sequence[float]


def spread(alpha_bar: np.ndarray, responses: Sequence[Response], steps: list[int], ddim: bool) -> float:
    """Standard deviation of the mean grey of samples that are drawn through `steps`, from T down to 0.

    `N` offsets are drawn and followed, each by the response to its own size: interpolated between those to
    some sizes, smallest first. `alpha_bar` is (T + 1,), with alpha_bar[0] = 1.
    """
    random = numpy_generator("drift")
    offset = SHIFT * random.standard_normal(N)  # of the mean of 784 pixels of unit noise
    sizes = np.log([one.size for one in responses])
    for t, s in zip(steps[:-1], steps[1:], strict=True):
        kept, b_t, b_s = alpha_bar[t] / alpha_bar[s], 1 - alpha_bar[t], 1 - alpha_bar[s]
        at_t = [np.interp(t, one.t, one.part) for one in responses]
        size = np.abs(offset) / np.sqrt(b_t) / SHIFT
        rho = np.interp(np.log(np.maximum(size, 1e-9)), sizes, at_t)
        if ddim:
            offset *= (1 - rho) / np.sqrt(kept) + rho * np.sqrt(b_s / b_t)
        else:
            offset *= (1 - rho * (1 - kept) / b_t) / np.sqrt(kept)
            offset += np.sqrt(1 - kept) * SHIFT * random.standard_normal(N) * (s > 0)
    return float(offset.std())


def corrected(responses: Sequence[Response], added: float) -> list[Response]:
    """The responses of a network when the part `added` of what it misses is added to what it predicts."""
    return [one._replace(part=[rho + added * (1 - rho) for rho in one.part]) for one in responses]


@dataclass(frozen=True, eq=False)
class Drift:
    """Samples of a DDPM, drawn in one way, that of its name; the empty one is the model's own.

    `place` is the training's name, before it that of another run; `known` is what notebook 09 has computed.
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
        """Of its network: "U-Net", "dilated", "RMS norm", or "study's network"."""
        network = self.one.parts["network"]
        if network["class"] == "diffusion:UNet":
            return "U-Net"
        return "RMS norm" if network["norm"] == "rms" else "dilated" if network["dilations"] else STUDYS

    @property
    def predicted(self) -> float:
        """Standard deviation of the mean grey over samples, by the law, as notebook 09 computes it."""
        return self.known.interval.value if self.known else self.follow()

    def follow(self) -> float:
        """The same, computed: offsets are followed through the steps of sampling."""
        schedule = make_schedule(self.one.parts["schedule"])
        steps = visits(self._sampler, schedule.T)
        return spread(schedule.alpha_bar.numpy(), responses(self.one.measured), steps, self.ddim)

    @property
    def border(self) -> float:
        """Standard deviation of the border's mean grey over samples, before clamping."""
        return self.samples["border"].sd


def responses(measured: Record) -> list[Response]:
    """The responses of a network, to the smallest shift first."""
    found = []
    for way, samples in measured.ways.items():
        if way.startswith("shift "):
            part = [each.value for each in samples["response"]]
            found.append(Response(float(way.removeprefix("shift ")), samples.places("response"), part))
    return sorted(found)


def ways(results: Results) -> list[Drift]:
    """Every way in which samples of a DDPM were drawn whose response is known; none of one's own modules."""
    rows = results.jobs["level"].rows if "level" in results.jobs else []
    known = {(row.model, row.way): row for row in rows}
    found = []
    for run in _runs(results):
        before = "" if run is results else f"{run.out.name}/"
        for one in run.trainings.values():
            for way in _ways(one):
                place = before + one.name
                found.append(Drift(one, place, way, one.measured[way], known.get((place, way))))
    return found


def _ways(one: Training) -> list[str]:
    """The ways to sample a training, the empty one first; none where the law cannot be asked."""
    if not (one.measured and "shift 1" in one.measured):
        return []
    parts = [one.parts["network"], one.parts["schedule"], one.parts["sampler"]]
    parts += [vary(one.train.unread, way.unread)["sampler"] for way in one.changes.values()]
    return ["", *one.changes] if all(is_library(part["class"]) for part in parts) else []


def _runs(results: Results) -> list[Results]:
    """The run itself, the changes beyond the study, and the starts."""
    return [results, *(results.beside[name] for name in ("beyond", "starts") if name in results.beside)]


def courses(results: Results) -> dict[str, list[Course]]:
    """Noise schedule -> the course of each training of it that was measured in its first epochs."""
    fullest: dict[str, dict[float, Course]] = {}  # schedule -> of each training, by its first loss
    for training in (one for run in _runs(results) for one in run.trainings.values()):
        schedule = training.parts["schedule"]
        if not schedule or training.model != shorten(schedule["class"]):
            continue
        rows = [row for row in training.curve if row.epoch <= WATCHED and "response" in row]
        known, loss = fullest.setdefault(training.model, {}), training.history[0]["train_loss"].value
        if len(rows) > max(1, len(known.get(loss, []))):
            known[loss] = [(row.epoch, row["response"].value) for row in rows]
    return {schedule: [*known.values()] for schedule, known in fullest.items() if known}


def real(results: Results) -> float:
    """The spread of the border of real images."""
    return next(one.real["border"].sd for one in results.trainings.values() if one.measured)
