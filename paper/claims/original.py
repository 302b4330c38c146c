"""Claims of the original study about its network, schedule and distances, tested on its published files."""

from collections.abc import Iterator

from diffusion.evaluation.statistics import Interval
from diffusion.places import releases
from paper.claims.common import ratio
from paper.claims.effects import ABOVE, WITHIN, Effect, exact, with_interval
from paper.claims.judge import claim
from paper.question import DDPMS
from report.pages.text_format import integer
from report.results.scatter import NotMeasured, Over
from report.results.table import Record, path_of
from report.results.views import Results

SAME_LOSS = 1.1  # two measurements of a test loss agree within this factor
LEARNED = 3.0  # the variance that a network has learned agrees with its training within this factor


def files() -> Record:
    """The record of the published files; NotMeasured: they are missing."""
    folder = releases() / "original"
    if not path_of(folder, "files").is_file():
        raise NotMeasured("the published files are not there")
    return Record(folder, "files", "released/original/")


def ratio_to(whole: float, part: Interval) -> Over:
    """Divide a number and its interval by a whole."""
    return with_interval(*(end / whole for end in part.ends))


@claim("2.2", "The network is as described")
def network_as_described(results: Results) -> Iterator[Effect]:
    """The network is as the text describes it.

    Rebuilt from the text, it has the published test losses within a factor of {SAME_LOSS}.
    """
    of = {(one.model, one.way): one for one in files().rows if one.measure == "test_loss"}
    for model, label in zip(DDPMS, reversed(DDPMS), strict=True):  # Figure 3 has its labels exchanged
        recorded = of[label, "as labelled"].interval.value
        found = ratio_to(recorded, of[model, f"{model} schedule"].interval)
        yield ratio(f"test loss, rebuilt : recorded, {model}", found, WITHIN, (SAME_LOSS,))


@claim("2.3", "$\\beta_1$ is $10^{-5}$, as printed")
def first_beta(results: Results) -> Iterator[Effect]:
    r"""The linear schedule begins at $\beta_1 = 10^{{-5}}$.

    The published network has learned this variance within a factor of {LEARNED:g}.
    """
    found, name = files(), "variance learned : printed"
    for whose, side in (("study", WITHIN), ("ours", None)):
        learned = ratio_to(found.facts.settings["printed_beta_1"], found[whose]["variance_learnt"])
        yield ratio(name if side else f"{name}, our network", learned, side, (LEARNED,))


@claim("2.4", "Distances are of 500 samples, as described")
def distances_as_described(results: Results) -> Iterator[Effect]:
    """The published distances compare 500 samples with the held-out test split.

    The code compares at least 500 samples, and with digit features real digits have a smaller distance than
    uniform noise.
    """
    found = files()
    n, described = found.facts.settings["n"], found.facts.settings["described"]
    yield Effect("samples of a distance", exact(n), ABOVE, described - 1, show=integer)
    noise, real = (found[f"{of}, as the code does"]["frechet"] for of in ("uniform noise", "real digits"))
    yield ratio("distance, uniform noise : real digits", exact(noise.value / real.value), ABOVE)
