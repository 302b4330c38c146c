"""Claims of the original study about its network, schedule and distances, tested on its published files."""

from collections.abc import Iterator

from diffusion.evaluation.statistics import Interval
from diffusion.places import releases
from paper.claims.common import exact
from paper.claims.effects import ABOVE, WITHIN, Effect
from paper.claims.judge import claim
from report.pages.text_format import fixed, integer
from report.results.scatter import NotMeasured
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


def ratio_to(whole: float, part: Interval) -> Interval:
    """Divide a number and its interval by a whole."""
    value, low, high = (end / whole for end in part.ends)
    return Interval(value, low, high)


@claim("2.2", "The network is as described")
def network_as_described(results: Results) -> Iterator[Effect]:
    """The network is as the text describes it.

    We rebuild the network from the text and load the published weights. The claim holds if its test
    losses agree with the losses in the published files within a factor of {SAME_LOSS}.
    """
    of = {(one.model, one.way): one for one in files().rows if one.measure == "test_loss"}
    for model, label in (("linear", "cosine"), ("cosine", "linear")):  # Figure 3 has its labels exchanged
        recorded = of[label, "as labelled"].interval.value
        ratio = ratio_to(recorded, of[model, f"{model} schedule"].interval)
        name = f"test loss, rebuilt : recorded, {model}"
        yield Effect(name, ratio, WITHIN, 1.0, SAME_LOSS, ratio=True, show=fixed)


@claim("2.3", "$\\beta_1$ is $10^{-5}$, as printed")
def first_beta(results: Results) -> Iterator[Effect]:
    r"""The linear schedule begins at $\beta_1 = 10^{{-5}}$.

    The claim holds if the published network has learned noise of this variance at $t = 1$, within a factor of
    {LEARNED:g}.
    """
    found, name = files(), "variance learned : printed"
    for whose, side in (("study", WITHIN), ("ours", None)):
        ratio = ratio_to(found.facts.settings["printed_beta_1"], found[whose]["variance_learnt"])
        told = name if side else f"{name}, our network, trained with the printed value"
        yield Effect(told, ratio, side, 1.0, LEARNED, ratio=True, show=fixed)


@claim("2.4", "Distances are of 500 samples, as described")
def distances_as_described(results: Results) -> Iterator[Effect]:
    """The published distances compare 500 samples with the held-out test split.

    The claim holds if the published code compares at least 500 samples, and if its procedure ranks real
    digits nearer to the data than uniform noise. We apply the procedure in features of digits. The second
    condition tests the procedure; it does not depend on the number of samples.
    """
    found = files()
    n, described = found.facts.settings["n"], found.facts.settings["described"]
    yield exact("samples of a distance", n, ABOVE, described - 1, show=integer)
    noise, real = (found[f"{of}, as the code does"]["frechet"] for of in ("uniform noise", "real digits"))
    name = "distance, uniform noise : real digits"
    yield exact(name, noise.value / real.value, ABOVE, 1.0, ratio=True, show=fixed)
