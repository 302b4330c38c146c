"""The main question of the original study: is the zoom as good as the linear DDPM? (record `question`)

Notebook 15 measures the finished models of three conditions, a network with a recipe each, with equally many
samples. The published weights of the zoom count as one more run of the original recipe, because a zoom has no
beta, the parameter in which the published DDPMs differ from the printed description.

Means are of logarithms of distances and of log odds of shares. The scatter of runs is pooled over the linear
and the cosine DDPM of a condition; the zoom with each prior has its own. The interval of a ratio, or of a
difference of shares, is Welch's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from diffusion.evaluation.statistics import Interval
from report.pages.text import Lazy
from report.results import scatter
from report.results.scatter import LINEAR, LOG, LOGIT, Over, Scale, last
from report.results.table import Record, Row, reading
from report.results.views import Results

CONDITIONS = ("long", "short", "unet")
MEASURES = {"digits": "frechet", "autoencoder": "frechet_autoencoder", "share": "digit"}
PROCESSES = {
    "linear": "ddpm",
    "cosine": "ddpm",
    "zoom": "zoom",
    "joint": "joint",
}  # -> where scatter is pooled
PAIR, DDPMS = ("zoom", "linear"), ("linear", "cosine")
PUBLISHED = ("zoom", "joint")  # whose published weights count as a run of the condition "long"
NETWORKS = ", networks {}"  # ending of rows with the measuring networks of another seed


@dataclass(frozen=True)
class Comparison:
    """The processes of a condition, by one measure.

    Args:
        record: the record `question`.
        condition: one of `CONDITIONS`.
        measure: one of `MEASURES`.
        kid: if True, the kernel distance instead of the Fréchet distance.
        networks: seed of the measuring networks.
    """

    record: Record
    condition: str
    measure: str
    kid: bool = False
    networks: int = 0

    @cached_property
    def rows(self) -> dict[str, list[Row]]:
        """A row for each run of a process."""
        ending = NETWORKS.format(self.networks) if self.networks else ""
        measure, rows = MEASURES[self.measure], {process: [] for process in PROCESSES}
        measure = measure.replace("frechet", "kid") if self.kid else measure
        for row in self.record.rows:
            published = (
                row.model in PUBLISHED and self.condition == "long" and row.way == f"published{ending}"
            )
            if row.measure == measure and (published or row.way == self.condition + ending):
                rows[row.model].append(row)
        return rows

    @property
    def n(self) -> Mapping[str, int]:
        """Number of runs of each process."""
        return Lazy(self.rows, lambda process: len(self.each[process]))

    @property
    def each(self) -> Mapping[str, list[float]]:
        """Numbers of the runs of each process."""
        return Lazy(self.rows, lambda process: [row.interval.value for row in self.rows[process]])

    @property
    def means(self) -> Mapping[str, Interval]:
        """The mean of each process over runs, with its interval."""
        scale = LOGIT if self.measure == "share" else LOG
        return Lazy(self.rows, lambda process: self._over(scale, [process]).shown)

    def over(self, first: str = "zoom", second: str = "linear", without: Row | None = None) -> Over:
        """The ratio of two processes, or for shares their difference, without one of the runs."""
        return self._over(LINEAR if self.measure == "share" else LOG, [first, second], without)

    def _over(self, scale: Scale, processes: list[str], without: Row | None = None) -> Over:
        names, numbers, groups = ["numerator", "denominator"] if processes[1:] else [""], {}, {}
        parts, pools = dict(zip(processes, names, strict=True)), {PROCESSES[p] for p in processes}
        for process in sorted(self.rows, key=lambda process: process not in parts):
            if PROCESSES[process] in pools:
                with reading(parts.get(process, "scatter")):
                    rows = [row for row in self.rows[process] if row is not without]
                    numbers[process] = [scale.to(row.interval.ends[0]) for row in rows]
                groups.setdefault(PROCESSES[process], []).append(numbers[process])
        return scatter.compare({p: numbers[p] for p in processes}, PROCESSES, groups, scale)

    @property
    def ratio(self) -> Interval:
        """The zoom's mean by the linear DDPM's; for shares the difference."""
        return self.over().shown

    @property
    def joint(self) -> Interval:
        """The same for the zoom with the joint prior."""
        return self.over("joint").shown

    @property
    def cosine(self) -> Interval:
        """The same for the zoom and the cosine DDPM."""
        return self.over("zoom", "cosine").shown

    @property
    def freedom(self) -> float | None:
        """Degrees of freedom of `ratio`."""
        return self.over().freedom

    @property
    def favours(self) -> str:
        """The process that `ratio` favours, "zoom" or "linear"; "" if it does not decide."""
        middle, (_, low, high) = 0.0 if self.measure == "share" else 1.0, self.ratio.ends
        if low is None or low <= middle <= high:
            return ""
        return "zoom" if (low > middle) == (self.measure == "share") else "linear"

    # --- how the answer depends on choices ---

    @property
    def leave_one_out(self) -> Interval:
        """The ratio, and the lowest and the highest end of its interval without one of the runs."""
        runs = [row for process in PAIR if self.n[process] > 1 for row in self.rows[process]]
        return envelop(self.ratio, (self.over(without=row).shown for row in runs))

    @property
    def other_networks(self) -> Interval:
        """The ratio, and the lowest and the highest end of its interval with other measuring networks."""
        seeds = self.record.facts.unread["settings"]["measuring_seeds"]
        return envelop(self.ratio, (replace(self, networks=seed).ratio for seed in seeds))

    @property
    def by_kid(self) -> Interval:
        """The ratio of kernel distances."""
        return replace(self, kid=True).ratio


def envelop(ratio: Interval, others: Iterable[Interval]) -> Interval:
    """The ratio's value, with the lowest and the highest end of other intervals, if there are any."""
    ends = [(low, high) for _, low, high in (interval.ends for interval in others) if low is not None]
    return (
        Interval(ratio.value, min(low for low, _ in ends), max(high for _, high in ends)) if ends else ratio
    )


def compare_final(results: Results, measure: str) -> Interval:
    """The ratio by the measures of the runs themselves, which have more samples."""
    published = results.beside["original"].all_of("zoom") if "original" in results.beside else []
    groups = {"zoom": [*results.all_of("zoom"), *published], "linear": results.all_of("linear")}
    scale = LINEAR if measure == "share" else LOG
    return scatter.over(results, last(MEASURES[measure]), groups, scale).shown
