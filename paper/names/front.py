"""Names of the front matter: the title block, the run and its hours, and the verdicts."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from paper.claims.judge import correct, corrected_level
from paper.claims.ledger import WORDS, Verdict, tally
from report.files import read_json
from report.pages.names import AUTHORS, LICENCE, PROJECT, ReportRun, project, repository
from report.pages.own import share
from report.pages.sources import note_definition
from report.pages.text import Names
from report.pages.text_format import Markdown, bibtex, code, escape, listing
from report.results.table import note
from report.results.views import Results


def front(run: ReportRun) -> dict[str, Any]:
    """Title block, pictures for the head of the page, and descriptions of further models."""
    results, report, address = run.results, run.profile.file.report, repository()
    author, number = report.authors or AUTHORS, version(PROJECT)
    cited = {"title": project()["title"], "author": author, "year": str(report.date or "")[:4]}
    pictures = {f"front_{model}.png": results.first(model).label for model in results.models}
    return {
        "citation": bibtex("coldzoom", **cited, note=f"Version {number}", url=address),
        "version": number,
        "authors_yaml": Markdown(f"  - {escape(author)}"),
        "licence": LICENCE,
        "repository": address,
        "repository_said": Markdown(f"<{address}>" if address else "not yet available online"),
        "data_hashes": lambda: _data_hashes(results),
        "dirty": lambda: _dirty(results),
        "hours": _hours(results),
        "share": share,
        "pictures": [(label, Markdown(file)) for file, label in pictures.items() if file in run.drawn],
    }


def _data_hashes(results: Results) -> Markdown:
    """The first digits of the SHA-256 of images and labels."""
    file = f"{next(iter(results.trainings.values())).train.run}/run.json"
    data = read_json(results.out / file)["settings"]["images"]
    note(f"{file}#/settings/images")
    hashes = listing(Markdown(f"{code(data[split][:16])}… ({split})") for split in ("train", "test"))
    return Markdown(f"SHA-256 of images and labels: {hashes}.")


def _dirty(results: Results) -> Markdown:
    """Records that were made with changed files; their commit does not contain the code."""
    jobs = [job for training in results.trainings.values() for job in (training.job, training.measured)]
    jobs += [results.jobs.get(name) for name in ("yardstick", "schedules", "effects", "intervention")]
    commits = {job.name: job.facts.environment.get("commit", "") for job in jobs if job}
    return listing(code(name) for name, commit in commits.items() if commit.endswith("-dirty"))


def _hours(results: Results) -> dict[str, Any]:
    """Wall-clock seconds of training: in this run, and in all releases, of which some share runs."""
    others = [results.beside[name] for name in ("beyond", "equal", "starts") if name in results.beside]

    def seconds(runs: list[Results]) -> float:
        trainings = [training for run in runs for training in run.trainings.values()]
        return sum({t.train.unread["weights"]["sha256"]: t.seconds for t in trainings}.values())

    return {"main": lambda: seconds([results]), "all": lambda: seconds([results, *others])}


def claims(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """The ledger, and the verdict on each claim in a word; comparisons of ours are not claims."""
    claims = {name: verdict for name, verdict in verdicts.items() if verdict.claim.section}
    return {
        "verdicts": claims,
        "comparisons": [verdict for name, verdict in verdicts.items() if name not in claims],
        "claims_count": lambda: note_definition(len(claims), "claims"),
        "made_before": lambda: note_definition(sum(v.claim.made_before for v in claims.values()), "claims"),
        "tally": lambda: tally(claims.values()),
        "corrected": _corrected(claims),
        "verdict": {name: WORDS[verdict.verdict] for name, verdict in verdicts.items()},
    }


def _corrected(verdicts: Mapping[str, Verdict]) -> Names:
    """Verdicts with intervals corrected for the number of claims (Bonferroni)."""

    changed = [verdicts[name] for name, v in correct(verdicts).items() if v.verdict != verdicts[name].verdict]
    return Names(
        {
            "level": lambda: note_definition(corrected_level(len(verdicts)), "claims"),
            "kept": lambda: note_definition(len(verdicts) - len(changed), "claims"),
            "changed": lambda: listing(verdict.number for verdict in changed),
        }
    )
