"""Claims of the study about its network, its schedule and its distances, put to its own files."""

from collections.abc import Iterator

from diffusion.provenance import releases
from report.claims.common import exact
from report.sources import trace
from report.text_format import fixed, integer
from report.verdicts.case import Case, NotMeasured
from report.verdicts.effects import ABOVE, WITHIN, Effect
from report.verdicts.judge import claim
from study.records import FilesRecord

SAME_LOSS = 1.1  # the factor within which two measurements of a test loss agree
LEARNT = 3.0  # the factor within which the variance that a network has learnt is that of its training


def files() -> FilesRecord:
    """The record of the study's released files; raises NotMeasured where there are none."""
    if found := FilesRecord.load_if_there(releases() / "original"):
        trace(found, "released/original/metrics/files.json")
        return found
    raise NotMeasured("the study's files are not there")


@claim(
    "2.2",
    "The network is the one that the text describes.",
    short="The network is as described",
    rule="Rebuilt from the text, with the study's weights, it has the test losses that the study's files "
    f"record, within a factor of {SAME_LOSS}.",
)
def network_as_described(case: Case) -> Iterator[Effect]:
    found = files()
    for model, label in (("linear", "cosine"), ("cosine", "linear")):  # Figure 3 has its labels exchanged
        ratio = found.losses[model][model].map(lambda x, label=label: x / found.labelled[label])
        name = f"test loss, rebuilt : recorded, {model}"
        yield Effect(name, ratio, WITHIN, 1.0, SAME_LOSS, ratio=True, show=fixed)


@claim(
    "2.3",
    "The linear schedule begins at $\\beta_1 = 10^{-5}$.",
    short="$\\beta_1$ is $10^{-5}$, as printed",
    rule="The noise at $t = 1$ that the study's network has learnt has that variance, within a factor of "
    f"{LEARNT:g}.",
)
def first_beta(case: Case) -> Iterator[Effect]:
    found, name = files(), "variance learnt : printed"
    for whose, side in (("study", WITHIN), ("ours", None)):
        ratio = found.learnt[whose].map(lambda x: x / found.settings["printed_beta_1"])
        told = name if side else f"{name}, of our network, trained with the printed one"
        yield Effect(told, ratio, side, 1.0, LEARNT, ratio=True, show=fixed)


@claim(
    "2.4",
    "The distances compare 500 samples with the held-out test split.",
    short="Distances are of 500 samples, as described",
    rule="The study's code compares at least 500 samples, and by its procedure, in digit features, uniform "
    "noise is further from the data than real digits.",
)
def distances_as_described(case: Case) -> Iterator[Effect]:
    found = files()
    n, described = found.settings["n"], found.settings["described"]
    yield exact("samples of a distance", n, ABOVE, described - 1, show=integer)
    done = {one.source: one.done.mean for one in found.scores}
    name, ratio = "distance, uniform noise : real digits", done["uniform noise"] / done["real digits"]
    yield exact(name, ratio, ABOVE, 1.0, ratio=True, show=fixed)
