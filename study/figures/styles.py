"""Colours, marks and labels of the models in the figures of the study."""

from diffusion.figures.style import STYLES, Styles, styles_of
from study.records import Results

MODELS = dict(zip(("linear", "cosine", "zoom"), STYLES, strict=False))  # of the study, in every run


def plain(text: str) -> str:
    """Text that stays that text in a figure: matplotlib reads what stands between dollars as mathematics."""
    return text.replace("$", r"\$")


def model_styles(results: Results) -> Styles:
    """Model -> its style in a run: those of the study are fixed, others take the further ones in order."""
    others = [model for model in results.models if model not in MODELS]
    every = MODELS | styles_of(others, STYLES[len(MODELS) :])
    return {m: every[m]._replace(label=plain(results.first(m).train.label)) for m in results.models}
