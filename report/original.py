"""The study's own files, as released: the section on them, and its weights beside the run's trainings."""

from collections.abc import Mapping, Sequence
from typing import Any

from diffusion.evaluation.interval import Interval
from report import tables
from report.claims.original import files as of_files
from report.study import dataset, trainings
from report.text_format import DASH, Markdown, escape, fixed, num, percent, shown, spread, table
from report.verdicts.case import at_end, classes, full
from study.records import LABEL_FREE, FilesRecord, Results, Trained

ABOUT = 1.2  # a class whose share is within this factor of its real one is neither common nor rare


def values(results: Results) -> dict[str, Any]:
    """Values of the section: the study's weights by name, and the record of its files."""
    original = results.original
    files = of_files() if original else None
    zooms = _zooms(results) + (_zooms(original) if original else [])
    shares = by_class(results, zooms)
    return {
        "table_summary": tables.summary(results, original),
        "original": {m: original.first(m) for m in original.models} if original else {},
        "files": files,
        "scores": {one.source: one for one in files.scores} if files else {},
        "table_original": _beside(results, original) if original else None,
        "table_scores": _scores(files) if files else None,
        "begun": _begun(results.watched) if results.watched else {},
        # in all zoom models; in the study's, which is the last and has one checkpoint, beyond chance
        "common_to_all": [c for c in common(shares) if shares[c][-1].low > 1],
        "rare_in_all": [c for c in uncommon(shares) if shares[c][-1].high < 1],
    }


def _begun(watched: Results) -> dict[str, dict[str, list[float]]]:
    """Of the trainings that are watched in their first epochs, by model: what the last of these has."""
    return {
        m: {
            "epochs": ones[0].train.epochs,
            "losses": [one.train.history[-1].test_loss for one in ones],
            "distances": [one.measure.final.frechet.value for one in ones],
            "reads": [one.analysis.response.response[-1].value for one in ones],
        }
        for m in watched.models
        if (ones := trainings(watched, m))
    }


def _zooms(results: Results) -> list[Trained]:
    return [one for one in results.trainings.values() if one.model == "zoom"]


def by_class(results: Results, ones: Sequence[Trained]) -> dict[str, tuple[Interval, ...]]:
    """Class -> its share at the end of each training, of samples read with confidence, over the real one."""
    shares = zip(*map(_shares, ones), strict=True)
    return dict(zip(dataset(results).classes, shares, strict=False))


def _shares(one: Trained) -> list[Interval]:
    real = enumerate(one.measure.real.recognised.share)
    return [at_end(one.measure, classes((c,))).map(lambda x, of=of: x / of) for c, of in real]


def common(shares: Mapping[str, Sequence[Interval]]) -> list[str]:
    """The classes that are common in all trainings, by the values alone."""
    return [c for c, of in shares.items() if min(x.value for x in of) > ABOUT]


def uncommon(shares: Mapping[str, Sequence[Interval]]) -> list[str]:
    """Those that are rare in all of them."""
    return [c for c, of in shares.items() if max(x.value for x in of) < 1 / ABOUT]


def _beside(results: Results, original: Results) -> Markdown:
    """A row for each of the study's weights, each before the trainings of the same model."""
    rows = []
    for model in original.models:
        ours = [(name, one) for name, one in tables.trained(results) if one.model == model]
        theirs = [(name, one) for name, one in tables.trained(original) if one.model == model]
        for name, one in theirs + ours:
            final, drawn = one.measure.final, full(one.analysis)
            row = [name, num(one.train.history[-1].test_loss), shown(final.frechet)]
            row.append(num(free.value) if (free := final.distances.get(LABEL_FREE)) else DASH)
            row += [percent(drawn.digit.value) if drawn else DASH, fixed(final.variety.coverage.value)]
            rows.append([*row, fixed(final.classes.divergence.value)])
    head = ["Weights", "Test loss", "Distance", "Autoencoder", "Digits", "Coverage", "Divergence"]
    return table(head, rows, (26, 8, 16, 9, 7, 9, 10))


def _scores(files: FilesRecord) -> Markdown:
    rows = [
        [escape(one.source), spread(one.done.mean, one.done.sd), num(one.described)]
        for one in sorted(files.scores, key=lambda one: one.done.mean)
    ]
    return table(["Images", "As the code does", "As the text says"], rows)
