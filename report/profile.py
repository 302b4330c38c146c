"""Profiles: a whole run in a YAML file, profiles/NAME.yaml or paper/profiles/NAME.yaml.

`read` raises an error of one line, before anything runs, for an unknown name, a value that a signature does
not allow, and options that a process, sampler, prior or network refuses (`report.parameters`).
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from diffusion.bounds import STRICT, Seed, nearest, whole
from diffusion.provenance import releases
from report import places
from report.author import check_placeholders, check_references
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

# Parameters of notebooks that a profile gives all of its jobs.
GIVEN = {"model", "models", "labels", "seed", "dataset", "data_dir", "out_dir", "released", "finished"}
FIGURES = "report_figures"  # the notebook that draws the figures of a report, which each profile executes
# 2e-4 is a number, as in Python; YAML 1.1 takes it for text.
FLOATS = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
yaml.SafeLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOATS, [*"+-.0123456789"])


class Loader(yaml.SafeLoader):
    """YAML in which a key may not occur twice: PyYAML would take the last one."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Join what `<<` names with a section, whose own keys come last and count.

        Of those keys only the last is kept, since PyYAML would otherwise merge the first `n` into others.
        """
        keys = [key.value for key, _ in node.value]
        _refuse_twice(keys, f"line {node.start_mark.line + 1}: ", " in one section")
        super().flatten_mapping(node)
        node.value = [*{str(key.value): (key, value) for key, value in node.value}.values()]


def _refuse_twice(values: list[Any], before: str = "", after: str = "") -> list[Any]:
    """The values; ValueError: one occurs twice."""
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{before}{twice[0]!r} occurs twice{after}")
    return values


# --- the file ---


Section = Annotated[dict[str, Any], BeforeValidator(lambda content: content or {})]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_refuse_twice)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]\w{0,39}$")]
VariantName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w ,.]{0,39}$")]


def _check_keys(variant: Any) -> Any:
    """The variant; ValueError: a key is unknown, or there is none."""
    known = Variant.__annotations__
    if not variant:
        raise ValueError(f"a variant names at least one of {', '.join(known)}")
    refuse_unknown(variant, known)
    return variant


class Entry(BaseModel):
    """A model; any further entry is a parameter of its notebook."""

    model_config = STRICT | {"extra": "allow"}

    notebook: Literal[tuple(PROCESS)]
    label: str | None = Field(None, min_length=1, max_length=60)
    seeds: Seeds | None = None
    variants: dict[VariantName, Annotated[Variant, BeforeValidator(_check_keys)]] = {}
    measure: Section = {}


class Report(BaseModel):
    """The kind of report, its title block, its author's text, and releases that are shown beside the run."""

    model_config = STRICT

    kind: Literal[places.PAPER.name] | None = None  # None: a report of any models
    title: str | None = Field(None, max_length=200)
    authors: str | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    text: str | None = None  # a file of Markdown, from the profile's folder
    beside: Annotated[list[str], AfterValidator(_refuse_twice)] = []


class Sections(BaseModel):
    """A profile's file, section by section."""

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
    opened: list[str] = []  # models of which a release keeps the weights of all seeds, not of the first alone
    notebooks: dict[str, Section] = {"04_compare_fid": {}}  # executed once all is measured
    report: Report = Report()


@dataclass(frozen=True)
class Profile:
    """A whole run.

    Attributes:
        trainings: (model, seed) -> its notebook and all its parameters.
        measures: model -> the options of measuring it.
        schedules: parameters of notebook 01.
        notebooks: name of a notebook that is executed once all is measured -> its parameters.
        text: what the author has written; None: nothing.
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
        """The folder of its results."""
        return (places.ROOT / Path(self.file.out or f"build/{self.name}").expanduser()).resolve()

    @property
    def labels(self) -> dict[str, str]:
        """Names of the models in the report, where the file gives them."""
        return {model: entry.label for model, entry in self.file.models.items() if entry.label}

    def seeds(self, model: str) -> list[int]:
        """The seeds of a model; the first is the one that text and figures name."""
        return [seed for name, seed in self.trainings if name == model]


def read(name: str | Path) -> Profile:
    """The profile of a name, or of a YAML file; ProfileError: one line that says what is wrong where."""
    where = _find(name)
    with errors_at(where):
        content, file = _load(where)
    with errors_at(f"{where}, report"):
        refuse_unknown(content.get("report", {}), Report.model_fields)
        text = file.report.text and where.parent.joinpath(file.report.text).read_text("utf-8")
        check_references(text or "", file.models)
        check_placeholders(text or "", f"{file.report.text}, line", file.models)
        known = {*places.profiles(), *(path.name for path in releases().glob("*/"))}
        for other in file.report.beside:
            if other not in known:
                allowed = f"{', '.join(sorted(known))}{nearest(other, known)}"
                raise ValueError(f"beside names {other!r}; allowed: {allowed}")
        if file.report.kind:
            places.paper()
    with errors_at(f"{where}, training"):
        refuse_unknown(file.training, {name for one in PROCESS for name in parameters(one)[0]} - GIVEN)
    trainings, measures = {}, {}
    shared = {"dataset": file.dataset, "data_dir": file.data_dir}
    for model, entry in file.models.items():
        with errors_at(f"{where}, models.{model}"):
            given = fill_training(file.training, entry) | shared | {"model": model}
            for seed in entry.seeds or file.seeds:
                trainings[model, seed] = entry.notebook, fill(entry.notebook, given | {"seed": seed})
            make_parts(*trainings[model, seed], [{}, *entry.variants.values()])
            for name, variant in entry.variants.items():  # of modules that are imported by now
                check_variant(name, variant)
        with errors_at(f"{where}, models.{model}, measure"):
            measures[model] = shared | file.measure | entry.measure | {"variants": entry.variants}
            how = validate(MEASURE, measures[model])
            if how.n_distance is not None:
                whole("n_distance", how.n_distance, 1, how.n_final)
    with errors_at(f"{where}, opened"):
        refuse_unknown(file.opened, file.models, where="opened")
    with errors_at(f"{where}, schedules"):
        first = {"seed": min(seed for _, seed in trainings)}
        schedules = fill("01_schedules", shared | first | file.schedules)
    profile = Profile(where, file, trainings, measures, schedules, {}, text)
    shared |= {"models": [*measures], "labels": profile.labels, "released": None}
    for name, given in (file.notebooks | {FIGURES: {}}).items():
        with errors_at(f"{where}, notebooks.{name}"):
            profile.notebooks[name] = _executed(name, shared, given)
    return profile


def _find(name: str | Path) -> Path:
    """The file of a profile, by its name or by its own path."""
    known = places.profiles()
    where = Path(name).expanduser() if str(name).endswith((".yaml", ".yml")) else known.get(str(name))
    if where is None or not where.is_file():
        close = nearest(str(name), known)
        raise ProfileError(f"there is no profile {str(name)!r}; there are {', '.join(sorted(known))}{close}")
    return where


def _load(where: Path) -> tuple[dict[str, Any], Sections]:
    """The content of a file as it is written, and as sections."""
    content = yaml.load(where.read_text("utf-8"), Loader)
    if not isinstance(content, dict):
        raise ValueError(f"it contains {type(content).__name__}; needed: lines of NAME: VALUE")
    refuse_unknown(content, Sections.model_fields)
    file = Sections.model_validate(content)
    if file.data_dir and not Path(file.data_dir).expanduser().is_dir():
        raise ValueError(f"data_dir is {file.data_dir!r}, which is not a folder; create it, or leave it out")
    _refuse_twice([entry.label for entry in file.models.values() if entry.label], "models: label ")
    return content, file


def fill_training(shared: Mapping[str, Any], entry: Entry) -> dict[str, Any]:
    """The parameters of a model's training: its own over those of all models; `fit_options` are joined."""
    defaults, own = parameters(entry.notebook)[0], entry.model_extra
    refuse_unknown(own, defaults.keys() - GIVEN)
    joined = [dict(one.get("fit_options") or {}) for one in (shared, own)]
    found = {name: value for name, value in shared.items() if name in defaults} | own
    beside = own if "sampler" in own else found
    if found.get("sampler", defaults["sampler"]) != defaults["sampler"] and "sampler_options" not in beside:
        found["sampler_options"] = {}  # those above are of another sampler
    return found | {"fit_options": joined[0] | joined[1]}


def _executed(name: str, shared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a notebook that is executed once all is measured."""
    if name not in (known := places.notebooks()):
        raise ValueError(f"there is no notebook of this name{nearest(name, known)}")
    if name in PROCESS or name == "01_schedules":
        raise ValueError("this notebook has a section of its own; leave it out here")
    defaults, _ = parameters(name)
    refuse_unknown(given, defaults.keys() - (GIVEN - {"released"}))
    if given.get("released"):  # shows that release in place of this run
        shared = {}
        if given["released"] in places.profiles():
            other = read(given["released"])
            shared = {"models": [*other.measures], "labels": other.labels}
    return fill(name, {key: value for key, value in shared.items() if key in defaults} | dict(given))
