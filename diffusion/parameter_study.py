"""What the report asks of a whole profile: the study's models, with the parameters that its text speaks of.

`report.results` refuses records that disagree; here the same mistakes are found before anything runs.
"""

from collections.abc import Mapping
from typing import Any

from diffusion import parameter_table as table
from diffusion.parameter_rules import ParameterError

ALL = ", ".join(table.STUDY)
DDPM_KEYS = {name: name for name in ("T", "beta_start", "beta_end", "s", "beta_max")}
# A parameter of a study's model, and what notebook 01 calls it.
SHARED = {"linear": DDPM_KEYS, "cosine": DDPM_KEYS, "zoom": {"T": "zoom_T", "interpolation": "interpolation"}}


def check_models(models: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Check that the study's models are there, each with its own notebook. Raises ParameterError."""
    for model, notebook in table.STUDY.items():
        if model not in models:
            raise ParameterError(
                f"{where}: models has no {model!r}, and the report needs {ALL}; "
                f"add `{model}: {{notebook: {notebook}}}`, with its parameters."
            )
        _own(model, "notebook", models[model]["notebook"], notebook, where)


def check_together(values: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Check the parameters of all targets of a profile against one another.

    `values` has a complete set for each model and for the notebooks without one. Raises ParameterError.
    """
    schedules, compared = values[table.SCHEDULES], values[table.COMPARE]["models"]
    for model in table.STUDY:
        if model not in compared:
            raise ParameterError(
                f"{where}, compare: models = {compared} lacks {model!r}, and the report needs {ALL}; "
                "add it, or remove the line to compare all models."
            )
    for schedule in ("linear", "cosine"):
        _own(schedule, "schedule", values[schedule]["schedule"], schedule, where)
    for model, keys in SHARED.items():
        for ours, theirs in keys.items():
            _same(f"models.{model}", ours, values[model][ours], theirs, schedules[theirs], where)
    for target in (table.COMPARE, *compared):
        section = "compare" if target == table.COMPARE else f"models.{target}"
        _same(section, "seed", values[target]["seed"], "seed", schedules["seed"], where)


def _own(model: str, name: str, value: str, wanted: str, where: str) -> None:
    if value != wanted:
        raise ParameterError(
            f"{where}, models.{model}: {name} = {value!r} is not that of the study's {model}; "
            f"give {wanted!r}, and a model of another kind another name."
        )


def _same(section: str, ours: str, value: Any, theirs: str, other: Any, where: str) -> None:
    if repr(value) != repr(other):  # the report tells 0 from 0.0, too
        advice = "set it at the top of the profile alone" if ours == "seed" else "give both the same value"
        raise ParameterError(
            f"{where}, {section}: {ours} = {value!r}, but schedules has {theirs} = {other!r}, "
            f"and the report speaks of one; {advice}."
        )
