"""Checks of an author's text before anything runs: its references, and the models that it names."""

import re
from collections.abc import Iterable

from diffusion.arguments import nearest
from report.places import ROOT

# An author's text may reference its own labels, those in report/pages/text/run, and those of its models.
LABEL = re.compile(r"\{#((?:sec|fig|tbl|eq|alg):[\w:-]+)")
REFERENCE = re.compile(r"(?<![\w\\])@((?:sec|fig|tbl|eq|alg):[\w:-]*\w)", re.IGNORECASE)
CODE = re.compile(r"^(```|~~~).*?^\1|(`+).*?\2", re.MULTILINE | re.DOTALL)
PICTURES = ("degradation", "samples", "trajectory")  # of each model, in report/pages/text/run/20_models.md
PLACEHOLDER = re.compile("<<.*?>>")
OF_MODEL = re.compile(
    r"""(?<![\w.])(?:final|models)(?:\.|\[["'])(\w+)\b(?!\()"""
)  # a model that a text names


def check_references(text: str, models: Iterable[str]) -> None:
    """Raise ValueError if a text references a label that neither the text nor the report defines."""
    sources = (path.read_text("utf-8") for path in (ROOT / "report" / "pages" / "text" / "run").glob("*.md"))
    known = {label for source in (text, *sources) for label in LABEL.findall(source)}
    known |= {f"fig:{kind}-{model.replace('_', '-')}" for kind in PICTURES for model in models}
    known |= {"sec:sources", *(f"sec:model-{model}" for model in models)}
    for label in REFERENCE.findall(CODE.sub("", text)):
        if label[0].lower() + label[1:] not in known:
            raise ValueError(f"@{label} is not defined in the text or the report{nearest(label, known)}")


def check_placeholders(text: str, where: str, models: Iterable[str]) -> None:
    """Raise ValueError if a placeholder reads a model that is neither in the run nor named in a condition."""
    known = {*models, *OF_MODEL.findall(PLACEHOLDER.sub("", text))}
    for number, line in enumerate(text.splitlines(), 1):
        for name in OF_MODEL.findall(" ".join(PLACEHOLDER.findall(line))):
            if name not in known:
                message = f"{name!r} is not a model of this profile{nearest(name, models)}"
                raise ValueError(f"{where} {number}: {message}")
