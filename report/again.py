"""Further trainings of single models, each with a seed of its own, and the run with one in its model's place.

OUT/again/<model>-<seed>    what `make again` leaves: the training, and its measurements by themselves
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffusion.files import read_json
from diffusion.parameter_table import STUDY
from diffusion.parameters import for_model
from report import consistency, schema

if TYPE_CHECKING:
    from report.results import Results

NAME = re.compile(r"([\w-]+)-(0|[1-9]\d*)", re.ASCII)
# Parameters of a comparison that say which models it has; those of one model are compared by themselves.
OF_MODELS = {"seed", "seeds", "models", "n_final", "distance_every"}


@dataclass(frozen=True)
class Again:
    """One model trained once more.

    Attributes:
        model: its name.
        seed: the seed of weights, order of images, noise and samples; not that of the run.
        folder: where its results lie, relative to those of the run.
        train: the record of its training.
        compare: the record of its measurements.
        run: the whole run with this training, not its own, as the model.
    """

    model: str
    seed: int
    folder: str
    train: dict[str, Any]
    compare: dict[str, Any]
    run: Results

    @property
    def notebooks(self) -> list[str]:
        """The two executed notebooks, relative to the run's folder."""
        names = f"{self.train['notebook']}-{self.model}", self.compare["notebook"]
        return [f"{self.folder}/notebooks/{name}.ipynb" for name in names]


def load(out: Path, main: Results) -> tuple[Again, ...]:
    """The further trainings beside a run, by model and seed; one that is not yet measured is left out.

    Raises:
        ValueError: a record is malformed, or was not made as those of the run.
    """
    names = [NAME.fullmatch(path.parents[1].name) for path in out.glob("again/*/metrics/compare.json")]
    found = sorted((m[1], int(m[2]), f"again/{m[0]}") for m in names if m)
    if found and main.others:
        raise ValueError(
            f"{out} has {found[0][2]} beside several seeds of the whole study, which the report cannot take "
            "together: move that folder away, or run a profile with one seed"
        )
    return tuple(_one(out, main, *one) for one in found)


def _one(out: Path, main: Results, model: str, seed: int, folder: str) -> Again:
    try:
        return _read(out, main, model, seed, folder)
    except ValueError as error:
        raise ValueError(
            f"{error} (in {out / folder}, a further training: `make again` with MODEL={model} SEED={seed}"
            " makes it anew as far as needed; or move the folder away)"
        ) from None


def _read(out: Path, main: Results, model: str, seed: int, folder: str) -> Again:
    if model not in main.train:
        raise ValueError(f"there is no model {model!r} in the run, which has {', '.join(main.train)}")
    paths = [out / folder / "metrics" / name for name in (f"train_{model}.json", "compare.json")]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is missing")
    train, compare = map(read_json, paths)
    schema.check(train, schema.TRAIN, str(paths[0]))
    schema.check(compare, schema.ALONE, str(paths[1]))
    consistency.same(f"models of {folder}", {"its name": [model], "its comparison": compare["models"]})
    for key in ("labels", "fingerprints", "curves", "final"):
        schema.check(compare[key], {model: object}, str(paths[1]), key)
    if model in STUDY:
        consistency.model_of_the_study(model, train, paths[0])
    consistency.measured(model, train, compare)
    _made_alike(main, model, seed, folder, train, compare)
    run = in_place(main, model, train, compare)
    schema.check(run.compare, schema.COMPARE, str(paths[1]))
    if "inception" in run.extractors:
        schema.check(run.compare, schema.WITH_INCEPTION, str(paths[1]))
    consistency.comparable(run)
    return Again(model, seed, folder, train, compare, run)


def in_place(main: Results, model: str, train: dict[str, Any], compare: dict[str, Any]) -> Results:
    """The run with another training of one model, and what was measured of it, in that model's place."""
    merged = {
        key: main.compare[key] | {model: compare[key][model]} for key in ("fingerprints", "curves", "final")
    }
    merged["clipping"] = main.compare["clipping"] | compare["clipping"]
    if (ours := main.compare.get("float32")) and (theirs := compare.get("float32")):
        merged["float32"] = ours | theirs
    if model == "zoom":  # the one whose seeds are looked at
        merged["seed_sources"] = compare["seed_sources"]
    return replace(main, train=main.train | {model: train}, compare=main.compare | merged)


def _made_alike(
    main: Results, model: str, seed: int, folder: str, train: dict[str, Any], compare: dict[str, Any]
) -> None:
    """Refuse a training that differs in more than its seed, or measurements in another way."""
    seeds = {f"the name of {folder}": seed, "its training": train["parameters"]["seed"]}
    consistency.same("seed", seeds | {"its comparison": compare["parameters"]["seed"]})
    if seed == main.seed:
        raise ValueError(f"{folder} has the seed of the run itself, {seed}: it is no further training")
    pairs = {
        "training": (main.train[model], train, {"seed"}),
        "comparison": (main.compare, compare, OF_MODELS),
    }
    for what, (ours, theirs, own) in pairs.items():
        a, b = ours["parameters"], theirs["parameters"]
        for key in sorted(a.keys() - own):
            consistency.same(f"{key} of the {what}", {"the run": a[key], folder: b.get(key)})
    both = {"the run": main.compare, folder: compare}
    consistency.same("label", {where: c["labels"][model] for where, c in both.items()})
    every = {where: c["parameters"].get("distance_every", 1) for where, c in both.items()}
    consistency.same("distance_every", {where: for_model(value, model) for where, value in every.items()})
    for features in ("digits", "inception"):
        found = {where: c["extractors"][features].get("sha256") for where, c in both.items()}
        consistency.same(f"weights behind the {features} features", found)
