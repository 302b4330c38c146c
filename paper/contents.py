"""The report of kind `paper`: our text and the claims ledger, for a profile of ours."""

from pathlib import Path

from paper import names
from paper.claims.judge import judge_all
from report.pages.names import Content, ReportRun, as_json
from report.pages.sources import Marks
from report.pages.text import Text

TEXT = Path(__file__).resolve().parent / "text"


def content(run: ReportRun, marks: Marks) -> Content:
    """Write the paper. Its profile, in `paper/profiles`, asks for all that the text prints."""
    if run.profile.text:
        raise ValueError(f"{run.profile.where}, report: the paper has its own text; remove `text`")
    # Verdicts are made first, because the text notes what it reads.
    verdicts = judge_all(run.results)
    text = Text(names.collect_names(run, verdicts), marks, TEXT).joined()
    return Content(text, {"ledger.json": as_json(verdict.row() for verdict in verdicts.values())})
