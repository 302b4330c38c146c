"""Settings of what is measured, and profiles: all settings of a run (profiles/*.yaml), one file each.

Those of the notebooks that train are in diffusion/parameters.py; `python -m study.settings NOTEBOOK` lists
those of any. Unknown names, wrong types and values out of range are one `SettingError` of one line, before
anything runs.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from diffusion import parameters
from diffusion.bounds import STRICT, Precision, Seed
from diffusion.files import digest, expanded
from diffusion.parameters import (
    DataSetName,
    Name,
    Options,
    Released,
    Schedules,
    SettingError,
    Settings,
    Text,
    Training,
    main,
    no_parameter,
    refused,
)
from diffusion.plugins import nearest
from diffusion.provenance import releases

Images = Annotated[int, Field(ge=12, le=60_000)]


class _Recognised(Settings):
    """The settings of whatever tells digits from other images."""

    n_kind: int = Field(
        500,
        ge=12,
        le=10_000,
        description="digits of each distortion, from which the recogniser's bound comes",
    )
    n_real: int = Field(
        10_000, ge=100, le=60_000, description="training images that digits are compared with"
    )


class Measure(_Recognised):
    """Settings of measuring one training (`python -m study.measure`)."""

    n_checkpoint: Images = Field(500, description="images of each checkpoint, along training")
    n_final: Images = Field(2000, description="images of the finished model")
    n_distance: Images = Field(2000, description="of these, the first that distances are taken of")
    distance_every: int = Field(5, ge=1, le=100_000, description="epochs between two measured checkpoints")
    floor_repeats: int = Field(20, ge=2, le=1_000, description="draws behind a real-vs-real floor")
    interval_repeats: int = Field(1000, ge=2, le=100_000, description="draws behind an interval")
    ablations: bool = Field(True, description="draw again with one thing changed: clipping, precision, prior")
    ways: dict[Name, Options] = Field(
        {}, description="name -> another way to sample: sampler, prior, their options; average: last epochs"
    )
    sample_seed: Seed | None = Field(None, description="seed of the samples; None: that of the training")
    inception_weights: Literal["auto", "off"] = Field(
        "off", description="InceptionV3's, from torch's cache or a download"
    )
    precision: Precision = "auto"

    @model_validator(mode="before")
    @classmethod
    def _of_as_many(cls, values: Any) -> Any:
        """Distances are of at most as many images as there are, where only these are given."""
        usual, n = cls.model_fields["n_distance"].default, values.get("n_final")
        fewer = "n_distance" not in values and type(n) is int and 12 <= n < usual
        return {**values, "n_distance": n} if fewer else values

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_distance > self.n_final:
            raise ValueError(f"n_distance = {self.n_distance} exceeds n_final = {self.n_final}")
        return self


class Analyse(_Recognised):
    """Settings of analysing one training (`python -m study.analyse`)."""

    n_way: Images = Field(500, description="images of each way to sample")
    calls: list[Annotated[int, Field(ge=2, le=10_000)]] = Field(
        [10, 24, 50, 100, 250],
        max_length=50,
        description="DDPM: numbers of sampling steps, with two samplers",
    )
    levels: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(
        [1, 2, 3, 4, 6, 8, 12], max_length=50, description="cold diffusion: numbers of levels visited"
    )
    noise: list[Annotated[float, Field(gt=0, le=10)]] = Field(
        [0.02, 0.05, 0.1, 0.2], max_length=50, description="cold diffusion: sd of noise added in each step"
    )
    n_probe: Images = Field(1000, description="test images of the probes of a DDPM")
    interval_repeats: int = Field(200, ge=2, le=100_000, description="draws behind an interval")
    precision: Precision = "auto"


def _release(meaning: str) -> Any:
    return Field(None, description=f"a released profile{meaning}")


class Reads(Settings):
    """Settings of notebooks that read a run's results, or a release's."""

    released: Released = None

    @property
    def place(self) -> Path:
        """The folder of the results: that of the release, where one is named."""
        return releases() / self.released if self.released else self.out


class Compares(Reads):
    """Settings of notebooks that show several models beside one another."""

    models: list[Name] | None = Field(
        None, description="names of trained models; None: all that out_dir holds"
    )
    labels: dict[Name, Text] = Field({}, description="model -> what figures call it, if not its usual name")


class Yardstick(_Recognised, Reads):
    """Settings of 07_yardstick: what measures give real images, distorted and mixed."""

    notebook: Literal["07_yardstick"] = "07_yardstick"
    n: Images = Field(2000, description="images of each kind whose distance is taken")
    n_kind: int = Field(
        1000, ge=12, le=10_000, description="images of each kind that recognition is tried on"
    )


class Compare(Compares):
    """Settings of 04_compare_fid: the trainings that are compared, and how any is measured that was not."""

    short = {"n_test": 2000}
    notebook: Literal["04_compare_fid"] = "04_compare_fid"
    n: Images = Field(64, description="images of each model, and of each checkpoint, that are measured")
    distance_every: int = Field(1, ge=1, le=100_000, description="epochs between two measured checkpoints")
    floor_repeats: int = Field(5, ge=2, le=1_000, description="draws behind a real-vs-real floor")

    def measure(self) -> Measure:
        """Settings of measuring a training that is not measured yet: a quick look."""
        values = {name: getattr(self, name) for name in Measure.model_fields if hasattr(self, name)}
        numbers = dict.fromkeys(("n_checkpoint", "n_final", "n_distance"), self.n)
        return Measure(**values, **numbers, interval_repeats=50, ablations=False)


class Beyond(Compares):
    """Settings of 06_beyond: the table of changes, of models that are measured."""

    notebook: Literal["06_beyond"] = "06_beyond"
    out_dir: Text | None = Field(None, description="folder of the results; None: the released ones")

    @property
    def out(self) -> Path:
        """The folder of results: out_dir, else the released ones."""
        return expanded(self.out_dir) if self.out_dir else releases() / "beyond"


class Blind(Reads):
    """Settings of 08_by_eye: images of several models, read by people who do not know their source."""

    notebook: Literal["08_by_eye"] = "08_by_eye"
    seed: Seed = Field(4000, description="seed of the first training's samples; the others follow it")
    n: int = Field(120, ge=1, le=10_000, description="images of each source, shared by its trainings")
    sources: list[Name] | None = Field(None, description="names in study.blind.SOURCES; None: all")
    readers: list[Text] = Field([], description="files of lines number,label, one a reader; none: no record")
    kind: Text | None = Field(None, description="what the readers are, as far as it is known")
    precision: Precision = "auto"


class Level(Compares):
    """Settings of 09_level: the mean grey of the samples of DDPMs, and the law that it follows."""

    notebook: Literal["09_level"] = "09_level"
    beyond: Text | None = _release(", whose models are shown beside")
    starts: Text | None = _release(" of trainings whose every early epoch is measured")


class Files(Reads):
    """Settings of 10_files: the study's own losses, scores and weights."""

    notebook: Literal["10_files"] = "10_files"
    original: Text = Field("original", description="the released profile that holds them")
    paper: Text = Field("paper", description="a released profile, whose models are compared with them")
    n_source: int = Field(2_000, ge=120, le=10_000, description="images of each source that are scored")
    draws: int = Field(100, ge=2, le=10_000, description="random draws of these")


class Effects(Reads):
    """Settings of 12_effects: short trainings of one recipe, in which each change is crossed with each."""

    notebook: Literal["12_effects"] = "12_effects"
    models: list[Name] | None = Field(None, description="names in MODELS; None: all")
    seeds: list[Seed] = Field([0, 1, 2, 3, 4], min_length=1, description="a training each")
    steps: int = Field(2000, ge=1, description="optimiser steps")
    batch_size: int = Field(32, ge=1, description="images in a training step")
    learning_rate: float = Field(3e-3, gt=0, description="of Adam; the peak, from which it decays")
    n: int = Field(500, ge=12, le=10_000, description="samples of each set")
    n_train: int | None = Field(None, ge=100, description="training images used; None: all")
    precision: Precision = "auto"


class Intervention(Reads):
    """Settings of 13_intervention: early epochs, sampled with the part of an offset that they miss."""

    notebook: Literal["13_intervention"] = "13_intervention"
    seed: Seed = 2
    runs: dict[Name, Text] = Field(
        {}, description="schedule -> folder of a training that has all epochs; none: trained here"
    )
    epochs: int = Field(10, ge=1, description="the first epochs that are sampled")
    n: int = Field(500, ge=12, le=10_000, description="samples of each set")
    calls: int = Field(100, ge=2, description="steps of sampling")
    n_train: int | None = Field(None, ge=128, description="training images used; None: all")
    precision: Precision = "auto"


class Comparison(Compares):
    """Settings of 11_models: all models of a study, and those beyond it, beside one another."""

    notebook: Literal["11_models"] = "11_models"
    beyond: Text | None = _release(", whose models are shown beside")
    original: Text | None = _release(" of the study's own weights and losses, shown beside")


NOTEBOOKS: dict[str, type[Settings]] = parameters.NOTEBOOKS | {
    cls.model_fields["notebook"].default: cls
    for cls in (Compare, Beyond, Yardstick, Blind, Level, Files, Comparison, Effects, Intervention)
}
TRAININGS: dict[str, type[Training]] = {n: c for n, c in NOTEBOOKS.items() if issubclass(c, Training)}


def _or_empty(section: Any) -> Any:
    return {} if section is None else section


def _once(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds = {seeds} has one twice")
    return seeds


def _printed(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} is not allowed: it has a character that cannot be printed")
    return text


Section = Annotated[dict[str, Any], BeforeValidator(_or_empty)]
Printed = Annotated[str, AfterValidator(_printed)]
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=1000), AfterValidator(_once)]


class Entry(BaseModel):
    """A model in a profile's file; what is not named here is a setting of its notebook."""

    model_config = STRICT | {"extra": "allow"}

    notebook: Literal[tuple(TRAININGS)]
    label: Printed | None = Field(None, max_length=60, description="what the report calls it")
    seeds: Seeds | None = None
    ways: Section = {}
    measure: Section = {}
    analyse: Section = {}


class Report(BaseModel):
    """The section `report` of a profile: its title block, and releases that are told beside the run."""

    model_config = STRICT | {"extra": "forbid"}

    title: Printed | None = Field(None, max_length=200)
    authors: Printed | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    text: str | None = Field(
        None, max_length=500, description="a file of Markdown, from the profile's folder: the author's words"
    )
    beyond: str | None = Field(
        None, description="the released results that are told in a section of their own"
    )
    starts: str | None = Field(
        None, description="released trainings of DDPMs, measured after each of their first epochs"
    )
    original: str | None = Field(None, description="the released weights, losses and scores of the study")


class Sections(BaseModel):
    """A profile's file, section by section."""

    model_config = STRICT | {"extra": "forbid"}

    profile: str = Field(pattern=r"^[A-Za-z0-9][\w-]{0,39}$")
    seeds: Seeds = [0]
    dataset: DataSetName = "mnist"
    data_dir: str | None = Field(None, max_length=500)
    out: str | None = Field(None, pattern=r"^[^\x00{}<>*?]{1,500}$")
    schedules: Section = {}
    training: Section = {}
    models: dict[str, Entry] = Field(min_length=1)
    measure: Section = {}
    analyse: Section = {}
    yardstick: Section = {}
    compare: Literal["04_compare_fid", "06_beyond"] = "04_compare_fid"
    slow: Section = {}  # in place of the settings above, where networks run in float32
    report: Annotated[Report, BeforeValidator(_or_empty)] = Report()


class Profile:
    """A whole run: its models, each with its seeds, and how they are trained and measured.

    Attributes:
        trainings: (model, seed) -> settings of one training, in the profile's order, first seeds first.
        measures, analyses: model -> settings of measuring and, where the file asks for it, of analysing it.
        schedules, yardstick: settings of notebook 01 and, where the file has the section, of the yardstick.
        labels: model -> what the report calls it, where the file says so.
        options, text: what the file says of its report, and what its author has written, or None.
    """

    def __init__(self, content: Any, where: str):
        if not isinstance(content, dict):
            raise SettingError(f"{where}: a profile is a mapping of sections; see profiles/quick.yaml")
        try:
            file = Sections.model_validate(content)
        except ValidationError as error:
            raise SettingError(refused(error, Sections, where)) from None
        self.where, self.file, self.name = where, file, file.profile
        self.labels = {model: entry.label for model, entry in file.models.items() if entry.label}
        if len({*self.labels.values()}) < len(self.labels):
            raise SettingError(f"{where}: two models have one label; {self.labels}")
        self.options, self.text = file.report.model_dump(exclude_none=True), None
        if name := file.report.text:
            try:
                self.text = Path(where).parent.joinpath(name).read_text("utf-8")
            except (OSError, ValueError) as error:
                raise SettingError(f"{where}, report: text = {name!r} cannot be read: {error}") from None
        self.out = file.out or f"build/{file.profile}"
        self.dataset, self.data_dir = file.dataset, file.data_dir
        self.common = common = {"dataset": file.dataset, "data_dir": file.data_dir}
        for name in ("training", "measure", "analyse", "yardstick"):
            _not_here(getattr(file, name), f"{where}, {name}")
        _not_here(file.schedules.keys() - {"seed"}, f"{where}, schedules")
        known = {name for cls in TRAININGS.values() for name in cls.model_fields}
        for name in file.training.keys() - known:
            raise SettingError(no_parameter(name, known, f"{where}, training"))
        seeds = {model: entry.seeds or file.seeds for model, entry in file.models.items()}
        first = min(found[0] for found in seeds.values())
        self.schedules = Schedules.read(common | {"seed": first} | file.schedules, f"{where}, schedules")
        self.yardstick = None
        if "yardstick" in file.model_fields_set:
            self.yardstick = Yardstick.read(common | file.yardstick, f"{where}, yardstick")
        self.trainings: dict[tuple[str, int], Training] = {}
        self.measures: dict[str, Measure] = {}
        self.analyses: dict[str, Analyse] = {}
        for model, entry in file.models.items():
            at, cls = f"{where}, models.{model}", TRAININGS[entry.notebook]
            _not_here(entry.model_extra, at)
            _not_here(entry.measure, f"{at}, measure")
            _not_here(entry.analyse, f"{at}, analyse")
            shared = {k: v for k, v in file.training.items() if k in cls.model_fields}
            for seed in seeds[model]:
                values = common | shared | entry.model_extra | {"model": model, "seed": seed}
                self.trainings[model, seed] = cls.read(values, at)
            measured = common | file.measure | entry.measure | {"ways": entry.ways}
            self.measures[model] = Measure.read(measured, f"{at}, measure")
            if "analyse" in file.model_fields_set | entry.model_fields_set:
                self.analyses[model] = Analyse.read(common | file.analyse | entry.analyse, f"{at}, analyse")
            for name, changes in self.measures[model].ways.items():
                try:
                    self.trainings[model, seeds[model][0]].way(changes)
                except ValueError as error:
                    raise SettingError(f"{at}, ways.{name}: {error}") from None
        _each_trains_another(self.trainings, where)
        if len({m.n_distance for m in self.measures.values()}) > 1:
            raise SettingError(f"{where}: n_distance differs between models; distances need one for all")

    @property
    def models(self) -> list[str]:
        return list(self.measures)

    def seeds(self, model: str) -> list[int]:
        """The seeds of one model, in the profile's order; the first is the one that text and figures name."""
        return [s for m, s in self.trainings if m == model]

    def measure(self, model: str, seed: int) -> Measure:
        """Settings of measuring one training: its samples are drawn with its own seed."""
        return self.measures[model].model_copy(update={"seed": seed})

    def analyse(self, model: str, seed: int) -> Analyse | None:
        """Settings of analysing one training; None where the profile asks for no analysis."""
        found = self.analyses.get(model)
        return found and found.model_copy(update={"seed": seed})

    def report(self) -> Report:
        """Settings of the report, with a hash of its author's text."""
        return self.file.report.model_copy(update={"text": self.text and digest(self.text)})

    def _of_all(self, cls: type[Compares], *releases: str, **more: Any) -> Compares:
        """Settings of a notebook that compares all models, and these with other releases."""
        values = {"models": self.models, "labels": self.labels, "seed": self.schedules.seed}
        others = {name: self.options.get(name) for name in releases}
        return cls.read(self.common | values | more | others, self.where)

    def level(self) -> Level:
        """Settings of the notebook on the mean grey of samples."""
        return self._of_all(Level, "beyond", "starts")

    def comparison(self) -> Comparison:
        """Settings of the notebook that compares all models of a study."""
        return self._of_all(Comparison, "beyond", "original")

    def compare(self) -> Compare | Beyond:
        """Settings of the notebook that compares all models: 04, or 06 where the profile says so."""
        if self.file.compare == "06_beyond":
            return self._of_all(Beyond)
        first = self.measures[self.models[0]]
        return self._of_all(
            Compare, n=first.n_distance, n_test=first.n_test, floor_repeats=first.floor_repeats
        )


# Settings that a profile has at its top, in a model's own entry, or not at all.
ELSEWHERE = ("dataset", "data_dir", "out_dir", "released", "seed", "seeds", "model", "notebook", "ways")


def _not_here(section: Iterable[str], where: str) -> None:
    """Refuse settings that a section of a profile does not decide."""
    if found := [name for name in ELSEWHERE if name in section]:
        said = "dataset, data_dir, out and seeds stand at the top of the file, seeds and ways in a model"
        raise SettingError(f"{where}: {found[0]} is not set here; {said}")


def _each_trains_another(trainings: Mapping[tuple[str, int], Training], where: str) -> None:
    """Refuse two models that would share a training: they are one model that is sampled in two ways."""
    known: dict[str, str] = {}
    for (model, _), P in trainings.items():
        try:
            P.architecture()  # of a network of one's own that there is not
            if P.process() is None:
                raise ValueError("degradation is missing: name the class, as module:Class")
        except ValueError as error:
            raise SettingError(f"{where}, models.{model}: {error}") from None
        if (first := known.setdefault(repr(P.trains()), model)) != model:
            said = f"{where}: models.{model} trains what models.{first} trains"
            raise SettingError(f"{said}; what differs belongs in {first}: ways: {{{model}: {{...}}}}")


def read_profile(name: str | Path, folder: Path) -> Profile:
    """The profile of a name in `folder`, or of a file of any place; SettingError: one line."""
    is_path = str(name).endswith((".yaml", ".yml"))
    path = Path(name) if is_path else folder / f"{name}.yaml"
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    if not is_path and not re.fullmatch(r"[\w-]+", str(name)) or not path.is_file():
        raise SettingError(
            f"PROFILE = {str(name)!r} is not a profile; there are {', '.join(known)}"
            f"{nearest(str(name), known)}"
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is no YAML: {error}") from None
    profile = Profile(read_text(text, str(path)), str(path))
    if path.parent == folder and profile.name != path.stem:
        raise SettingError(f"{path}: profile = {profile.name!r}; write {path.stem!r}")
    return profile


def read_text(text: str, where: str) -> Any:
    """Content of a YAML text; SettingError: it is no YAML, or has a key twice."""
    try:
        return yaml.load(text, Loader=_Strict)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingError(f"{where} is no YAML: {' '.join(str(error).split())[:300]}") from None


class _Strict(yaml.SafeLoader):
    """YAML in which no key stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if doubled := [key for i, key in enumerate(keys) if key in keys[:i]]:
            raise yaml.YAMLError(f"the key {doubled[0]!r} stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


# 2e-4 and 1e3 are numbers, as in YAML 1.2 and in Python; PyYAML takes them for text.
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), [*"+-.0123456789"]
)


if __name__ == "__main__":
    main(NOTEBOOKS)
