"""A run as its report reads it: its results, its profile, and what was made of them before the text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

from report.departures import complete
from report.judge import ledger
from report.ledger import Verdict
from study.counterparts import opened, own, released, studied
from study.profile import Profile
from study.results import Results

OTHERS = {"further": "beyond", "original": "original", "watched": "starts"}  # key of a profile


@dataclass(frozen=True)
class Run:
    """A run."""

    results: Results  # with those of the other runs (`with_others`)
    profile: Profile
    notebooks: Sequence[str] = ()  # names of those that are executed
    drawn: Collection[str] = ()  # files of its figures

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Claim's id -> verdict; to be asked for before a text is written, which notes what is read."""
        return ledger(self.results)

    @cached_property
    def mine(self) -> list[str]:
        """Models of one's own, which come first."""
        return own(self.results)

    @property
    def studied(self) -> list[str]:
        """The others."""
        return [model for model in self.results.models if model not in self.mine]

    @cached_property
    def short(self) -> bool:
        """Its report is the short one: unless it is the study, or released with a linear DDPM and a zoom."""
        if complete(self.results):
            return False
        ones = self.results.trainings.values()
        known = {one.train.weights.sha256 for one in chain(*(r.trainings.values() for r in released()))}
        kept = all(one.analysed and one.train.weights.sha256 in known for one in ones)
        return not (kept and {"linear", "zoom"} <= {*studied(self.results)})


def with_others(results: Results, profile: Profile) -> Results:
    """The results with those of the other runs that the profile names."""
    return replace(results, **{key: opened(profile.options.get(name)) for key, name in OTHERS.items()})
