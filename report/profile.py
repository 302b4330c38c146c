"""The profile that a run was made with: read, and held against the run's records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from diffusion.files import ROOT
from diffusion.parameters import check_profile as check
from diffusion.parameters import notebook_parameters
from report.results import Results


def read(name: str) -> tuple[str, dict[str, Any]]:
    """A profile's name and content, from profiles/<name>.yaml or from the path of a YAML file.

    Raises:
        ValueError: there is no such file, or it is not a YAML mapping.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else ROOT / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (ROOT / "profiles").glob("*.yaml"))) or "none yet"
        raise ValueError(
            f"no profile {name!r}: {path} does not exist; known profiles: {known}, "
            "or give the path of a .yaml file"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a mapping of parameters, not {type(content).__name__}")
    return path.stem, content


def check_run(results: Results, name: str, content: Mapping[str, Any]) -> None:
    """Refuse a run that was not made with this profile's parameters.

    Raises:
        ValueError: a parameter has another value in the run than in the profile, or the profile is at fault.
    """
    check(content)
    for one in (results, *results.others):
        _check_seed(one, name, content, None if one is results else one.seed)


def _check_seed(results: Results, name: str, content: Mapping[str, Any], seed: int | None) -> None:
    records = {r["notebook"]: r for r in (results.schedules, results.compare)} | results.train
    for target, record in records.items():
        if target in results.train and target not in content["models"]:
            raise ValueError(
                f"the run compares the model {target!r}, which profile {name!r} does not name; "
                f"run `make retrain PROFILE={name}`"
            )
        wanted = notebook_parameters(content, target, seed)
        used = {"dataset": "mnist"} | record["parameters"]
        for key in sorted((wanted.keys() & used.keys()) - {"out_dir", "data_dir"}):
            if wanted[key] != used[key]:
                raise ValueError(
                    f"{target} was run with {key} = {used[key]!r}, but profile {name!r} says {wanted[key]!r}"
                    f": give the profile that this folder was made with, or run `make retrain PROFILE={name}`"
                )
