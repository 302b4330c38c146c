"""A small made-up run: linear, cosine, zoom (seeds 0, 1) and an own model, blur; nothing is trained for it.

Its numbers and kept images are those of the released paper, cut short; blur is the zoom under another name.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from study import settings, table
from study.kept import keep
from study.results import LATE, Results, Training, load, plain
from study.table import CHECKPOINT, PATCHES, REAL, Job, Row

RELEASED = Path(__file__).resolve().parents[1] / "released" / "paper"
MODELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
MODELS["blur"] = "Cold diffusion, blur"
TRAININGS = [("linear", 0), ("cosine", 0), ("zoom", 0), ("zoom", 1), ("blur", 0)]
N = 100  # samples of a checkpoint and of the finished model, as the table says
HISTORY = ("train_loss", "test_loss", "epoch_seconds")
PAIRS = ("clipping", "clipping off", "clipping on", "float32", "bf16", "fp32")  # ways: ablations of a DDPM


@functools.cache
def released() -> Results:
    """The released paper; to be copied before it is changed."""
    return load(RELEASED)


def synthetic_results(
    out: Path, epochs: int = 20, inception: bool = True, models: Iterable[str] = MODELS
) -> Results:
    """Write a run to `out`, jobs' files and kept images, and read it again.

    Args:
        epochs: of every training.
        inception: whether the last samples have a distance in Inception features too; it is made up.
        models: those of `MODELS` that the run has.
    """
    pairs = [pair for pair in TRAININGS if pair[0] in models]
    written(out, "schedules", released().schedules)
    for model, seed in pairs:
        of = "zoom" if model == "blur" else model
        one = released().trainings[of, seed]
        losses, about = trained(one, model, epochs), train(one, model, epochs)
        written(out, f"train_{model}-{seed}", one.job, about, losses)
        facts = {"model": model, "features": plain(one.measured.facts.features)}
        counts = dict.fromkeys(("n_checkpoint", "n_final", "n_distance"), N)
        facts["settings"] = settings.Measure.read(counts | {"seed": seed}).values()
        if inception:
            facts["features"]["inception"] |= {"available": True, "reason": ""}
        rows = measured(one, model, epochs, inception)
        written(out, f"measure_{model}-{seed}", one.measured, facts, rows)
        for path in (RELEASED / "kept").glob(f"*_{of}-{seed}.npz"):
            kind = path.stem.split("_")[0]
            if kind in ("samples", "quality", "trajectory") or model != "blur":
                keep(out, f"{kind}_{model}-{seed}", released().kept(path.stem))
    for name in ("zoom", "degradation_blur-0"):
        keep(out, name, released().kept("zoom"))
    return load(out, pairs)


def written(
    out: Path, name: str, of: Job, facts: Mapping[str, Any] | None = None, rows: Iterable[Row] | None = None
) -> Path:
    """Write a job's file: that of another job with changed facts, and with other rows if there are any."""
    lines = [
        [getattr(row, column) for column in table.IN_FILE] for row in (of.rows if rows is None else rows)
    ]
    return table.write(out, name, plain(of.facts) | dict(facts or {}), lines)


def train(one: Training, model: str, epochs: int) -> dict[str, Any]:
    """What the file of a released training says of its first epochs, under this name."""
    given = {"model": model, "seed": one.seed, "epochs": epochs}
    found = given | {"label": MODELS[model], "steps": 469 * epochs}
    found["sha256"] = {epoch: x for epoch, x in plain(one.train.sha256).items() if int(epoch) <= epochs}
    if model == "blur":
        P = settings.TrainOwn.read(given)
        found |= {"process": "own"}
    else:
        of_ddpm = one.process == "ddpm"
        P = (
            settings.TrainDDPM.read(given | {"schedule": model})
            if of_ddpm
            else settings.TrainZoom.read(given)
        )
    return found | {"job": P.notebook, "settings": P.values()}


def trained(one: Training, model: str, epochs: int) -> Iterator[Row]:
    """The losses of the first epochs, and the probes as if they were of the last of these; blur has none."""
    for row in one.job.rows:
        if row.measure in HISTORY:
            yield from [row] if row.epoch <= epochs else []
        elif model != "blur":
            yield row._replace(epoch=row.epoch and epochs)


def measured(one: Training, model: str, epochs: int, inception: bool) -> Iterator[Row]:
    """The measures of a released training until this epoch, the last ones being those of its end."""
    rows, curve, floors = one.measured.rows, [], []
    for row in rows:
        if row.way == CHECKPOINT and row.measure.startswith("floor"):
            floors.append(row)
        elif row.way == CHECKPOINT and row.epoch <= epochs:
            curve.append(_of_few(row))
    last = max(row.epoch for row in curve)
    curve = [row._replace(epoch=epochs) if row.epoch == last else row for row in curve]
    final = [row._replace(way="") for row in curve if row.epoch == epochs]
    final += [row._replace(way="") for row in floors]
    if inception:
        times = {"frechet": 9, "kid": 1, "floor": 1}
        made_up = [row for row in final if row.measure in times]
        final += [
            row._replace(measure=f"{row.measure}_inception", value=times[row.measure] * row.value)
            for row in made_up
        ]
    yield from [*floors, *curve, *final]
    yield from (row for row in rows if row.way == REAL)
    if model != "blur":
        yield from (row._replace(epoch=epochs) for row in rows if row.way in PAIRS and one.process == "ddpm")
        late = sorted({row.epoch for row in curve if row.epoch >= (1 - LATE) * epochs})
        patches = [row for row in rows if row.way == PATCHES]
        renamed = dict(zip(sorted({row.epoch for row in patches}), late, strict=False))
        yield from (
            _of_few(row)._replace(epoch=renamed[row.epoch]) for row in patches if row.epoch in renamed
        )


def _of_few(row: Row) -> Row:
    """A row whose distance is of `N` samples."""
    return row._replace(n=N) if row.measure.startswith(("frechet", "kid")) else row
