"""Profiles: the description of a whole run in a YAML file, profiles/NAME.yaml or paper/profiles/NAME.yaml.

`read` checks a profile before anything runs. It raises a one-line error for an unknown name, a value that a
signature does not allow, or options that a process, sampler, prior or network refuses (`report.parameters`).
It sets $MNIST_DIR to the `data_dir` of the profile.
"""

import datetime
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, Field

from diffusion import data
from diffusion.arguments import STRICT, Seed, nearest
from diffusion.places import releases
from report import places
from report.measures.variants import Variant, check_variant
from report.parameters import (
    MEASURE,
    PROCESS,
    ProfileError,
    errors_at,
    fill,
    make_parts,
    parameters,
    refuse_unknown,
    validate,
)

# Parameters of notebooks that a profile sets for all its jobs.
GIVEN = {"model", "models", "labels", "seed", "dataset", "out_dir", "released"}
FIGURES = "report_figures"  # the notebook that draws the figures of a report; every profile executes it
# 2e-4 is a number, as in Python; in YAML 1.1 it would be a string.
FLOATS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
yaml.SafeLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOATS, [*"+-.0123456789"])


class Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys; PyYAML would use the last one."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the sections that `<<` names into a section, whose own keys take precedence.

        Only the last of several equal keys is kept; PyYAML would merge the first one into other sections.
        """
        keys = [key.value for key, _ in node.value]
        if repeated := [key for key in keys if keys.count(key) > 1]:
            raise ValueError(f"line {node.start_mark.line + 1}: {repeated[0]!r} occurs twice in one section")
        super().flatten_mapping(node)
        node.value = [*{str(key.value): (key, value) for key, value in node.value}.values()]


# --- the file ---


Section = Annotated[dict[str, Any], BeforeValidator(lambda content: content or {})]
Seeds = Annotated[list[Seed], Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]\w{0,39}$")]
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w ,.]{0,39}$")]


class Entry(BaseModel):
    """A model of a profile; all further keys are parameters of its notebook."""

    model_config = STRICT | {"extra": "allow"}

    notebook: Literal[tuple(PROCESS)]
    label: str | None = Field(None, min_length=1, max_length=60)
    seeds: Seeds | None = None
    variants: dict[VariantName, Variant] = {}
    measure: Section = {}


class Report(BaseModel):
    """The section `report`: kind, title block and author's text, and releases to show next to the run."""

    model_config = STRICT | {"extra": "forbid"}

    kind: Literal[places.PAPER.name] | None = None  # None: a report on any models
    title: str | None = Field(None, max_length=200)
    authors: str | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    text: str | None = None  # a Markdown file, relative to the folder of the profile
    beside: list[str] = []


class Sections(BaseModel):
    """The file of a profile, by section."""

    model_config = STRICT

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]{0,39}$")]
    seeds: Seeds = [0]
    dataset: str = "mnist"
    data_dir: str | None = None
    out: str | None = None
    schedules: Section = {}
    training: Section = {}
    models: dict[Name, Entry] = Field(min_length=1)
    measure: Section = {}
    notebooks: dict[str, Section] = {"04_compare_fid": {}}  # executed after all models are measured
    report: Report = Report()


@dataclass(frozen=True)
class Profile:
    """A whole run, as its profile describes it.

    Attributes:
        where: the YAML file.
        file: its content.
        trainings: (model, seed) -> its notebook and all parameters of that.
        measures: model -> arguments of `measure`.
        schedules: parameters of notebook 01.
        notebooks: parameters by name of each notebook that is executed after all models are measured.
        text: the author's text, or None.
    """

    where: Path
    file: Sections
    trainings: dict[tuple[str, int], tuple[str, dict[str, Any]]]
    measures: dict[str, dict[str, Any]]
    schedules: dict[str, Any]
    notebooks: dict[str, dict[str, Any]]
    text: str | None

    @property
    def name(self) -> str:
        return self.file.profile

    @property
    def out(self) -> Path:
        """The results folder."""
        return (places.ROOT / Path(self.file.out or f"build/{self.name}").expanduser()).resolve()

    @property
    def labels(self) -> dict[str, str]:
        """Labels of models in the report, for models with a label in the file."""
        return {model: entry.label for model, entry in self.file.models.items() if entry.label}

    def seeds(self, model: str) -> list[int]:
        """The seeds of a model; text and figures show the first one."""
        return [seed for name, seed in self.trainings if name == model]


def read(name: str | Path) -> Profile:
    """Read a profile by its name or path; ProfileError: one line with the place and the mistake."""
    where = _find(name)
    with errors_at(where):
        file = _load(where)
    with errors_at(f"{where}, report"):
        text = file.report.text and where.parent.joinpath(file.report.text).read_text("utf-8")
        known = {*places.profiles(), *(path.name for path in releases().glob("*/"))}
        for other in file.report.beside:
            if other not in known:
                allowed = nearest(other, known) or f"; allowed: {', '.join(sorted(known))}"
                raise ValueError(f"beside contains {other!r}, which is not a profile or release{allowed}")
        if file.report.kind:
            places.paper()
            if not where.resolve().is_relative_to(places.PAPER):
                raise ValueError(
                    f"kind {file.report.kind!r} is for profiles in {places.PAPER}; remove `kind`"
                )
    with errors_at(f"{where}, training"):
        refuse_unknown(
            file.training, {name for notebook in PROCESS for name in parameters(notebook)[0]} - GIVEN
        )
    if file.data_dir:  # of all jobs, too
        os.environ["MNIST_DIR"] = str(Path(file.data_dir).expanduser().absolute())
    with errors_at(f"{where}, dataset"):
        image_shape = data.image_shape(file.dataset)
    trainings, measures = {}, {}
    shared = {"dataset": file.dataset}
    for model, entry in file.models.items():
        with errors_at(f"{where}, models.{model}"):
            given = fill_training(file.training, entry) | shared | {"model": model}
            for seed in entry.seeds or file.seeds:
                trainings[model, seed] = entry.notebook, fill(entry.notebook, given | {"seed": seed})
            make_parts(*trainings[model, seed], image_shape, [{}, *entry.variants.values()])
            for name, variant in entry.variants.items():  # the modules are imported at this point
                check_variant(name, variant)
        with errors_at(f"{where}, models.{model}, measure"):
            measures[model] = shared | file.measure | entry.measure | {"variants": entry.variants}
            validate(MEASURE, measures[model])
    with errors_at(f"{where}, schedules"):
        _, first = next(iter(trainings))
        schedules = fill("01_schedules", shared | {"seed": first} | file.schedules)
    profile = Profile(where, file, trainings, measures, schedules, {}, text)
    shared |= {"models": [*measures], "labels": profile.labels, "released": None}
    for name, given in (file.notebooks | {FIGURES: {}}).items():
        with errors_at(f"{where}, notebooks.{name}"):
            profile.notebooks[name] = _executed(name, shared, given)
    return profile


def _find(name: str | Path) -> Path:
    """The file of a profile, from its name or path."""
    if str(name).endswith((".yaml", ".yml")):
        if not (where := Path(name).expanduser()).is_file():
            raise ProfileError(f"the profile {name} does not exist; check the path")
        return where
    known = places.profiles()
    if str(name) not in known:
        hint = nearest(str(name), known) or f"; profiles: {', '.join(sorted(known))}"
        raise ProfileError(f"no profile is named {str(name)!r}{hint}")
    return known[str(name)]


def _load(where: Path) -> Sections:
    """The checked content of a file."""
    content = yaml.load(where.read_text("utf-8"), Loader)
    if not isinstance(content, dict):
        raise ValueError(f"the file contains a {type(content).__name__}; expected lines of NAME: VALUE")
    refuse_unknown(content, Sections.model_fields)
    file = Sections.model_validate(content)
    if file.data_dir and not Path(file.data_dir).expanduser().is_dir():
        raise ValueError(
            f"data_dir is {file.data_dir!r}, which is not a folder; create it, or remove the line"
        )
    return file


def fill_training(shared: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """Parameters of a model's training: shared ones, updated with its own; `fit_options` are merged."""
    defaults, own = parameters(entry.notebook)[0], entry.model_extra
    refuse_unknown(own, defaults.keys() - GIVEN)
    merged = dict(shared.get("fit_options") or {}) | dict(own.get("fit_options") or {})
    values = {name: value for name, value in shared.items() if name in defaults} | own
    section = own if "sampler" in own else values
    if values.get("sampler", defaults["sampler"]) != defaults["sampler"] and "sampler_options" not in section:
        values["sampler_options"] = {}  # shared options are for another sampler
    return values | {"fit_options": merged}


def _executed(name: str, shared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a notebook that is executed after all models are measured."""
    if name not in (known := places.notebooks()):
        raise ValueError(f"no notebook has this name{nearest(name, known)}")
    defaults, _ = parameters(name)
    refuse_unknown(given, defaults.keys() - (GIVEN - {"released"}))
    if given.get("released"):  # the notebook shows a release instead of this run
        shared = {}
        if given["released"] in places.profiles():
            other = read(given["released"])
            shared = {"models": [*other.measures], "labels": other.labels}
    return fill(name, {key: value for key, value in shared.items() if key in defaults} | dict(given))
