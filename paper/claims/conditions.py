"""Comparisons of ours, which are not claims of the original study: its main claim in three conditions."""

from collections.abc import Iterator
from functools import partial

from paper.claims import common
from paper.claims.effects import WITHIN, Effect
from paper.claims.judge import CLAIMS
from paper.claims.ledger import Claim
from paper.question import Comparison
from report.pages.text_format import Markdown
from report.results.scatter import NotMeasured
from report.results.views import Results

LABELS = {
    "long": "Original network, 100 epochs",
    "short": "Original network, 10 epochs",
    "unet": "U-Net, 10 epochs",
}
RULE = (
    f"The ratio of their distances at the final checkpoints lies within a factor of {common.IN_WORDS}, with "
    "digit features and with autoencoder features; the verdict names the smallest."
)


def compare(results: Results, condition: str) -> Iterator[Effect]:
    """The ratios of distances by the rule of `samples.comparable`; the joint prior decides nothing."""
    record = results.jobs.get("question")
    if not record or condition not in record:
        raise NotMeasured(f"the record `question` lacks the condition `{condition}`")
    for measure in ("digits", "autoencoder"):
        comparison = Comparison(record, condition, measure)
        yield common.ratio(measure, comparison.over(), WITHIN, common.GRADES)
        yield common.ratio(f"{measure}, joint prior", comparison.over("joint"), None)


for condition, label in LABELS.items():
    text = f"{label}: the zoom and the linear DDPM reach comparable distances."
    words = map(Markdown, ("", text, label, RULE))
    name = f"comparable_{condition}"
    CLAIMS[name] = Claim(name, *words, partial(compare, condition=condition))
