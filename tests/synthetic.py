"""A small made-up run: linear, cosine, zoom (seeds 0, 1) and an own model, blur; nothing is trained for it.

Its records and kept images are those of the released paper, cut short; blur is the zoom under another name.
"""

import functools
from collections.abc import Iterable
from pathlib import Path

from study import records, settings

RELEASED = Path(__file__).resolve().parents[1] / "released" / "paper"
MODELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
MODELS["blur"] = "Cold diffusion, blur"
TRAININGS = [("linear", 0), ("cosine", 0), ("zoom", 0), ("zoom", 1), ("blur", 0)]
N = 100  # samples of a checkpoint and of the finished model, as the records say


@functools.cache
def released() -> records.Results:
    """The released paper; to be copied before it is changed."""
    return records.load_results(RELEASED)


def synthetic_results(
    out: Path, epochs: int = 20, inception: bool = True, models: Iterable[str] = MODELS
) -> records.Results:
    """Write a run to `out`, records and kept images, and read it again.

    Args:
        epochs: of every training.
        inception: whether the last samples have a distance in Inception features too; it is made up.
        models: those of `MODELS` that the run has.
    """
    pairs = [pair for pair in TRAININGS if pair[0] in models]
    released().schedules.save(records.SchedulesRecord.path(out))
    for model, seed in pairs:
        of = "zoom" if model == "blur" else model
        one = released().trainings[of, seed]
        train_record(one.train, model, epochs).save(records.TrainRecord.path(out, model, seed))
        measured = measure_record(one.measure, model, epochs, inception)
        measured.save(records.MeasureRecord.path(out, model, seed))
        for path in (RELEASED / "kept").glob(f"*_{of}-{seed}.npz"):
            kind = path.stem.split("_")[0]
            if kind in ("samples", "quality", "trajectory") or model != "blur":
                records.keep(out, f"{kind}_{model}-{seed}", released().kept(path.stem))
    for name in ("zoom", "degradation_blur-0"):
        records.keep(out, name, released().kept("zoom"))
    return records.load_results(out, pairs)


def train_record(of: records.TrainRecord, model: str, epochs: int) -> records.TrainRecord:
    """A released training after its first epochs, under this name."""
    given = {"model": model, "seed": of.seed, "epochs": epochs}
    changes = given | {"label": MODELS[model], "steps": 469 * epochs, "history": of.history[:epochs]}
    if model == "blur":
        P = settings.TrainOwn.read(given)
        changes |= {"process": "own", "about": "Blurs more from level to level.", "zoom": None}
    elif of.process == "ddpm":
        P = settings.TrainDDPM.read(given | {"schedule": model})
    else:
        P = settings.TrainZoom.read(given)
    return of.model_copy(update=changes | {"job": P.notebook, "settings": P.values()})


def measure_record(
    of: records.MeasureRecord, model: str, epochs: int, inception: bool
) -> records.MeasureRecord:
    """The measures of a released training until this epoch, under this name."""
    curve = [row for row in of.curve if row.epoch <= epochs]
    curve[-1] = curve[-1].model_copy(update={"epoch": epochs})
    ablations = of.ablations
    if ablations.prior:
        late = [row.epoch for row in curve if row.epoch >= (1 - records.LATE) * epochs]
        rows = zip(late, ablations.prior.curve, strict=False)
        prior = {"curve": [row.model_copy(update={"epoch": epoch}) for epoch, row in rows]}
        ablations = records.Ablations(prior=ablations.prior.model_copy(update=prior))
    changes = {"model": model, "curve": curve}
    counts = dict.fromkeys(("n_checkpoint", "n_final", "n_distance"), N)
    changes["settings"] = settings.Measure.read(counts | {"seed": of.seed}).values()
    changes["final"] = records.Final(**curve[-1].model_dump(), n=N, n_classes=N, floors=of.floors)
    if inception:
        last = changes["final"].frechet
        made_up = {
            "distances": {"inception": last.model_copy(update={"value": 9 * last.value})},
            "floors": of.floors | {"inception": of.floors["digits"]},
        }
        changes["final"] = changes["final"].model_copy(update=made_up)
        changes["features"] = of.features | {"inception": records.Features(available=True, reason="")}
    changes["ablations"] = ablations if model != "blur" else records.Ablations()
    return of.model_copy(update=changes)
