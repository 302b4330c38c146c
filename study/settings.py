"""Settings: every parameter of every notebook and profile: type, bounds, default, meaning.

A notebook reads its settings from its parameters cell; a profile (profiles/*.yaml) holds those of a run.
Unknown names, wrong types and values out of range are one `SettingError` of one line, before anything runs.
"""

import datetime
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from diffusion import data, processes
from diffusion.bounds import Seed
from diffusion.files import digest, expanded
from diffusion.identity.describe import Found, called, describe, normal
from diffusion.plugins import call_with, named, nearest
from diffusion.processes.priors import prior_of
from diffusion.processes.samplers import sampler_of
from diffusion.provenance import PACKAGE, checkout, releases
from diffusion.training import network as networks
from diffusion.training.run import Way

HASHED = "COLD_ZOOM_PACKAGE"  # set for a job: the folder of the package whose code its provenance has
PLAIN = (int, float, str, bool, list, dict, type(None))  # types of parameters

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,39}$")]

Options = Annotated[dict[str, Any], Field(max_length=50)]
Precision = Annotated[Literal["auto", "fp32", "bf16"], Field(description="arithmetic of the network")]
Interpolation = Annotated[Literal["nearest", "bilinear"], Field(description="how a crop is resized")]
Models = Annotated[
    list[Name] | None, Field(description="names of trained models; None: all that out_dir holds")
]


class SettingError(ValueError):
    """A setting is unknown, missing, of the wrong type, out of range, or at odds with another one."""


def _is_a_dataset(name: Any) -> Any:
    if isinstance(name, str):
        named("dataset", name, data.DATASETS)
    return name


DataSetName = Annotated[str, BeforeValidator(_is_a_dataset)]


class Settings(BaseModel):
    """Settings that all notebooks share. Numbers are numbers, not texts that look like one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seed: Seed = Field(0, description="seed of every random draw")
    dataset: DataSetName = Field(
        "mnist", description="one of diffusion.data.DATASETS, or module:name of your own"
    )
    data_dir: str | None = Field(None, max_length=1000, description="folder of the data set; None: data/")
    out_dir: str | None = Field(
        None, max_length=1000, description="folder of the results; None: build/notebook"
    )
    n_test: int | None = Field(None, ge=12, le=1_000_000, description="test images used; None: all")

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """The settings in `values`; those of another name are refused.

        Raises:
            SettingError: one line that names the value, what is allowed, and the nearest right name.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingError(explain(error, cls, where)) from None

    @classmethod
    def read_yaml(cls, text: str, where: str = "") -> Self:
        """The settings in a YAML text; raises like `read`, and where it is no mapping."""
        values = read_text(text, where) or {}
        if not isinstance(values, dict):
            raise SettingError(f"{where} is {text!r}; needed: a mapping such as 'n_samples: 500'")
        return cls.read(values, where)

    @classmethod
    def of_notebook(cls, variables: Mapping[str, Any]) -> Self:
        """The settings in a notebook's global variables, as `P`, right after its parameters cell.

        Any other plain value is a misspelt parameter, unless `P` is there: the cells below have run then.
        """
        where, fields = cls.model_fields["notebook"].default, cls.model_fields.keys()
        hashed = os.environ.get(HASHED)
        if hashed and not Path(hashed).samefile(PACKAGE):
            raise SettingError(f"{where} runs the code in {PACKAGE}, and the job is to run that in {hashed}")
        started = getattr(
            variables.get("get_ipython", lambda: None)(), "user_ns_hidden", ()
        )  # start-up files
        plain = {k for k, v in variables.items() if type(v) in PLAIN and k not in started} - {"In", "Out"}
        plain = {k for k in plain if not k.startswith("_") or k.strip("_") in fields}
        found = fields | (set() if isinstance(variables.get("P"), cls) else plain)
        return cls.read({k: v for k, v in variables.items() if k in found}, where)

    @property
    def out(self) -> Path:
        """The folder of results: out_dir, else build/notebook of the checkout or the current folder."""
        return expanded(self.out_dir) if self.out_dir else (checkout() or Path()) / "build/notebook"

    def values(self) -> dict[str, Any]:
        """Name -> value, without the places `data_dir` and `out_dir`: what a record keeps."""
        return {k: v for k, v in self.model_dump().items() if k not in ("data_dir", "out_dir")}


class _Schedule(Settings):
    """The noise schedules' parameters."""

    T: int = Field(1000, ge=2, le=10_000, description="diffusion steps")
    beta_start: float = Field(1e-5, gt=0, lt=1, description="linear schedule: variance added in step 1")
    beta_end: float = Field(0.02, gt=0, lt=1, description="linear schedule: variance added in step T")
    s: float = Field(
        0.008, ge=0, le=1, description="cosine schedule: offset near the clean image, in units of T"
    )
    beta_max: float = Field(0.02, gt=0, lt=1, description="cosine schedule: largest variance of a step")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.beta_start > self.beta_end:
            raise ValueError(f"beta_start = {self.beta_start:g} exceeds beta_end = {self.beta_end:g}")
        return self


class Schedules(_Schedule):
    """Settings of 01_schedules: the degradations before any training."""

    notebook: Literal["01_schedules"] = "01_schedules"
    zoom_T: int = Field(24, ge=1, le=27, description="last zoom level, in rows and columns cropped away")
    interpolation: Interpolation = "nearest"
    image_index: int = Field(61, ge=0, le=9_999, description="the test image in the figures")
    n_columns: int = Field(11, ge=2, le=50, description="evenly spaced time steps in Figure 2")


def _a_way(found: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(found.keys() - set(OF_WAYS)):
        said = OLD.get(unknown[0]) or f"allowed: {', '.join(OF_WAYS)}{nearest(unknown[0], OF_WAYS)}"
        raise ValueError(f"{unknown[0]} is no part of a way to sample; {said}")
    for name in {"sampler_options", "prior_options"} & found.keys():
        if not isinstance(found[name] or {}, dict):
            raise ValueError(f"{name} = {found[name]!r} is not allowed: it should be name: value")
    return found


# What may differ between the samples of one training.
OF_SAMPLING = ("sampler", "sampler_options", "prior", "prior_options")
OF_WAYS = (*OF_SAMPLING, "average")
Ways = Annotated[
    dict[Name, Annotated[dict[str, Any], AfterValidator(_a_way)]],
    Field(description="name -> another way to sample: sampler, prior, their options; average: last epochs"),
]
OLD = {  # settings of earlier editions -> how they are written now
    "clip_x0": "write sampler_options: {clip_x0: true}",
    "sampling_steps": "write sampler_options: {steps: 100}",
    "noise": "write sampler_options: {noise: 0.2}",
    "noise_power": "write sampler_options: {noise: 0.8, power: 2.0}",
    "sampling_levels": "write sampler_options: {levels: 12}",
    "variants": "write in the model: ways: {cheap: {sampler: ddim, sampler_options: {steps: 24}}}",
}


class Training(Settings):
    """Settings that the training notebooks share."""

    model: Name = Field("model", description="name of the trained model, in files and figures")
    epochs: int = Field(100, ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(128, ge=1, le=1_000_000, description="images per training step")
    learning_rate: float = Field(2e-4, gt=0, le=1, description="of Adam; the peak, if it decays")
    lr_schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine: warm-up, then decay to 0"
    )
    network: str = Field(
        "cnn", max_length=200, description="the network: cnn, unet, or module:Class of your own"
    )
    channels: list[Annotated[int, Field(ge=1, le=1024)]] = Field(
        [16, 32, 32, 16], min_length=1, max_length=64, description="output channels of the network's blocks"
    )
    network_options: Options = Field({}, description="further arguments of the network")
    n_train: int | None = Field(None, ge=1, le=1_000_000, description="training images used; None: all")
    n_samples: int = Field(500, ge=2, le=60_000, description="images to generate at the end, and to keep")
    sampler: str = Field("", max_length=200)
    sampler_options: Options = Field({}, description="arguments of the sampler")
    precision: Precision = "auto"

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        self.way()
        if self.n_train and self.batch_size > self.n_train:
            raise ValueError(f"batch_size = {self.batch_size} exceeds n_train = {self.n_train}")
        return self

    def fitting(self) -> dict[str, Any]:
        """The arguments of `training.fit.fit` that are settings, by its names."""
        names = (*OF_FIT, "network", "channels", "network_options", "seed")
        return {"name": self.model} | {name: getattr(self, name) for name in names}

    def process(self) -> processes.DegradationProcess:
        """The process that these settings describe.

        Raises:
            ValueError: the process refuses them, or it is one's own and cannot be loaded.
        """
        raise NotImplementedError

    def way(self, changes: Mapping[str, Any] = MappingProxyType({})) -> Way:
        """How the training is sampled; with changes, in another way: what these do not name stays as it is.

        Options belong to what they are options of: another sampler or prior begins without.

        Raises:
            ValueError: the process cannot be sampled so.
        """
        own = {"prior": None, "prior_options": {}}  # a DDPM has none
        own |= {name: getattr(self, name) for name in OF_SAMPLING if hasattr(self, name)}
        for name in {"sampler", "prior"} & changes.keys():
            own[f"{name}_options"] = {}
        own |= {k: v for k, v in changes.items() if k in OF_SAMPLING}
        average = changes.get("average", 1)
        if type(average) is not int or not 1 <= average <= self.epochs:
            raise ValueError(f"average is {average!r}; allowed: 1 to the {self.epochs} epochs")
        process, prior = self.process(), prior_of(own["prior"], own["prior_options"])
        sampler = sampler_of(own["sampler"], process, own["sampler_options"])
        if prior is not None and isinstance(process, processes.DDPM):
            raise ValueError(f"prior is {own['prior']!r}; a DDPM starts from noise and takes none")
        return Way(sampler, prior, average)

    def trains(self) -> str:
        """What two models may not have in common: a hash of what determines the weights."""
        found, process = Found(), self.process()
        known = {k: getattr(self, k) for k in ("dataset", "n_train", "n_test", "seed", *OF_FIT)}
        if self.lr_schedule == "constant":  # more epochs go on where fewer ended
            known.pop("epochs")
        known["process"] = describe(process, "process", found) if process else ["typed", self.T]
        known["network"] = called(*self.architecture(), "network", found)
        return digest(normal(known, found.live))

    def architecture(self) -> tuple[type, dict[str, Any]]:
        """The network's class and its arguments; raises ValueError where it cannot be loaded."""
        return networks.architecture(self.network, self.channels, self.network_options)


OF_FIT = ("epochs", "batch_size", "learning_rate", "lr_schedule", "precision")


class TrainDDPM(Training, _Schedule):
    """Settings of 02_train_ddpm."""

    notebook: Literal["02_train_ddpm"] = "02_train_ddpm"
    model: Name = Field("linear", description="name of the trained model, in files and figures")
    schedule: str = Field(
        "linear", max_length=200, description="linear, cosine, or module:function of your own"
    )
    schedule_options: Options = Field({}, description="further arguments of the schedule")
    sampler: str = Field(
        "ancestral",
        max_length=200,
        description="ancestral (the study), ddim: no noise on the way, or module:name of your own",
    )
    sampler_options: Options = Field({}, description="arguments of the sampler: steps, clip_x0")

    def process(self) -> processes.DDPM:
        """See `Training.process`."""
        values = self.model_dump()
        schedule = processes.schedules.build(self.schedule, values, self.schedule_options)
        return processes.DDPM(schedule)


class TrainZoom(Training):
    """Settings of 03_train_zoom."""

    notebook: Literal["03_train_zoom"] = "03_train_zoom"
    model: Name = Field("zoom", description="name of the trained model, in files and figures")
    T: int = Field(24, ge=1, le=27, description="last zoom level: (28 - T) x (28 - T) pixels are left")
    interpolation: Interpolation = "nearest"
    latent_noise: float = Field(
        0.0, ge=0, le=10, description="training: sd, at most, of noise added to the latents"
    )
    sampler: str = Field(
        "naive",
        max_length=200,
        description="naive (the study), improved: Bansal et al., Algorithm 2, or module:name of your own",
    )
    sampler_options: Options = Field({}, description="arguments of the sampler: noise, power, levels")
    prior: str = Field(
        "pixels", max_length=200, description="start pixels: pixels, patches, mixture, or module:Class"
    )
    prior_options: Options = Field({}, description="arguments of the prior")
    n_reconstruct: int = Field(10_000, ge=2, le=1_000_000, description="test images restored per zoom level")

    def process(self) -> processes.ColdZoom:
        """See `Training.process`."""
        return call_with(processes.ColdZoom, self.model_dump())


class TrainOwn(Training):
    """Settings of 05_your_degradation."""

    notebook: Literal["05_your_degradation"] = "05_your_degradation"
    model: Name = Field("blur", description="name of the trained model, in files and figures")
    degradation: str | None = Field(
        None,
        max_length=200,
        description="the class that degrades, module:Class; None: the one in the notebook",
    )
    T: int = Field(
        processes.USUAL_T, ge=1, le=10_000, description="deepest level of degradation, given to the class"
    )
    degradation_options: Options = Field({}, description="further arguments of the class")
    sampler: str = Field("naive", max_length=200, description="naive, improved, or module:name of your own")
    prior: str | None = Field(
        None, max_length=200, description="patches, mixture, or module:Class; None: draw_prior of the class"
    )
    prior_options: Options = Field({}, description="arguments of the prior")

    def process(self) -> processes.DegradationProcess | None:
        """See `Training.process`; None where the class is the one in the notebook."""
        if self.degradation is None:
            return None
        return processes.own(self.degradation, self.T, self.degradation_options)

    def values(self) -> dict[str, Any]:
        """As of all settings, but for a class that the notebook holds: that one has no name."""
        return {k: v for k, v in super().values().items() if k != "degradation" or v}


class Measure(Settings):
    """Settings of measuring one training (`python -m study.measure`)."""

    n_samples: int = Field(500, ge=12, le=60_000, description="images per checkpoint, along training")
    n_final: int = Field(2000, ge=12, le=60_000, description="images of the finished model")
    n_distance: int = Field(
        2000, ge=12, le=60_000, description="of these, the first that distances are taken of"
    )
    distance_every: int = Field(5, ge=1, le=100_000, description="epochs between two measured checkpoints")
    floor_repeats: int = Field(20, ge=2, le=1_000, description="draws behind a real-vs-real floor")
    interval_repeats: int = Field(1000, ge=2, le=100_000, description="draws behind an interval")
    ablations: bool = Field(True, description="draw again with one thing changed: clipping, precision, prior")
    ways: Ways = {}
    inception_weights: Literal["auto", "off"] = Field(
        "off", description="InceptionV3's, from torch's cache or a download"
    )
    precision: Precision = "auto"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_distance > self.n_final:
            raise ValueError(f"n_distance = {self.n_distance} exceeds n_final = {self.n_final}")
        return self


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


class Analyse(_Recognised):
    """Settings of analysing one training (`python -m study.analyse`)."""

    n_samples: int = Field(500, ge=12, le=60_000, description="images of each way to sample")
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
    n_probe: int = Field(1000, ge=12, le=60_000, description="test images of the probes of a DDPM")
    interval_repeats: int = Field(200, ge=2, le=100_000, description="draws behind an interval")
    precision: Precision = "auto"


class Yardstick(_Recognised):
    """Settings of the yardstick of real images (`python -m study.yardstick`)."""

    n: int = Field(2000, ge=12, le=60_000, description="images of each kind whose distance is taken")
    n_kind: int = Field(
        1000, ge=12, le=10_000, description="images of each kind that recognition is tried on"
    )


class Compare(Measure):
    """Settings of 04_compare_fid: which trainings are compared, and how they are measured."""

    notebook: Literal["04_compare_fid"] = "04_compare_fid"
    models: Models = None
    by_model: dict[Name, dict[str, Any]] = Field(
        {}, description="settings of single models, where these differ"
    )

    def measure(self, model: str, seed: int) -> Measure:
        """Settings of measuring one training: its samples are drawn with its own seed."""
        values = {name: getattr(self, name) for name in Measure.model_fields}
        return Measure.read(values | self.by_model.get(model, {}) | {"seed": seed}, f"by_model, {model}")


class Beyond(Settings):
    """Settings of 06_beyond: the table of changes, of models that are measured."""

    notebook: Literal["06_beyond"] = "06_beyond"
    out_dir: str | None = Field(
        None, max_length=1000, description="folder of the results; None: the released ones"
    )
    models: Models = None

    @property
    def out(self) -> Path:
        """The folder of results: out_dir, else the released ones."""
        return expanded(self.out_dir) if self.out_dir else releases() / "beyond"


NOTEBOOKS: dict[str, type[Settings]] = {
    cls.model_fields["notebook"].default: cls
    for cls in (Schedules, TrainDDPM, TrainZoom, Compare, TrainOwn, Beyond)
}
TRAININGS: dict[str, type[Training]] = {n: c for n, c in NOTEBOOKS.items() if issubclass(c, Training)}


Section = Annotated[dict[str, Any], BeforeValidator(lambda found: {} if found is None else found)]


def _once(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds = {seeds} has one twice")
    return seeds


Seeds = Annotated[list[Seed], Field(min_length=1, max_length=1000), AfterValidator(_once)]


class Entry(BaseModel):
    """A model in a profile's file; what is not named here is a setting of its notebook."""

    model_config = ConfigDict(extra="allow", strict=True)

    notebook: Literal[tuple(TRAININGS)]
    seeds: Seeds | None = None
    ways: Section = {}
    measure: Section = {}
    analyse: Section = {}


class Report(BaseModel):
    """The section `report` of a profile: its title block, and a release that is told beside the run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    authors: str | None = Field(None, max_length=1000)
    date: datetime.date | None = None
    repository: str | None = Field(None, max_length=1000, pattern=r"^https?://[^\s<>\"'`\\]+$")
    beyond: str | None = Field(
        None, description="the released results that are told in a section of their own"
    )


class Sections(BaseModel):
    """A profile's file, section by section."""

    model_config = ConfigDict(extra="forbid", strict=True)

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
    report: Annotated[Report, BeforeValidator(lambda found: {} if found is None else found)] = Report()


class Profile:
    """A whole run: its models, each with its seeds, and how they are trained and measured.

    Attributes:
        name, dataset, data_dir, out: as in the file; `out` is build/<name> unless it says otherwise.
        schedules: settings of notebook 01.
        trainings: (model, seed) -> settings of one training, in the profile's order, first seeds first.
        measures: model -> settings of measuring it.
        analyses: model -> settings of analysing it, where the file or the model has a section `analyse`.
        yardstick: settings of the yardstick; None where the file has no such section.
        options: what the file says of its report, see `Report`.
    """

    def __init__(self, content: Any, where: str):
        if not isinstance(content, dict):
            raise SettingError(f"{where}: a profile is a mapping of sections; see profiles/quick.yaml")
        try:
            file = Sections.model_validate(content)
        except ValidationError as error:
            raise SettingError(explain(error, Sections, where)) from None
        self.where, self.file, self.name = where, file, file.profile
        self.dataset, self.data_dir = file.dataset, file.data_dir
        self.options = file.report.model_dump(exclude_none=True)
        self.out = file.out or f"build/{file.profile}"
        common = {"dataset": file.dataset, "data_dir": file.data_dir}
        for name in ("training", "measure", "analyse", "yardstick"):
            _not_here(getattr(file, name), f"{where}, {name}")
        _not_here(file.schedules.keys() - {"seed"}, f"{where}, schedules")
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
            shared = {k: v for k, v in file.training.items() if _belongs(k, cls, where)}
            for seed in seeds[model]:
                values = common | shared | entry.model_extra | {"model": model, "seed": seed}
                self.trainings[model, seed] = cls.read(values, at)
            ways = {"ways": entry.ways} if entry.ways else {}
            self.measures[model] = Measure.read(
                common | file.measure | entry.measure | ways, f"{at}, measure"
            )
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
        """The models' names, in the profile's order."""
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

    def compare(self) -> Compare | Beyond:
        """Settings of the notebook that compares all models: 04, or 06 where the profile says so."""
        shared = {"dataset": self.dataset, "data_dir": self.data_dir}
        if self.file.compare == "06_beyond":
            return Beyond.read(shared | {"models": self.models, "seed": self.schedules.seed}, self.where)
        values = shared | self.file.measure
        usual = Measure.read(values, self.where).values()
        own = {m: measure.values() for m, measure in self.measures.items()}
        by_model = {m: {k: v for k, v in found.items() if v != usual[k]} for m, found in own.items()}
        values |= {"models": self.models, "seed": self.schedules.seed}
        return Compare.read(values | {"by_model": {m: v for m, v in by_model.items() if v}}, self.where)


ELSEWHERE = {  # settings that a profile has in one place
    "dataset": "it is of all models: write it at the top of the file",
    "data_dir": "it is of all models: write it at the top of the file",
    "out_dir": "write `out` at the top of the file",
    "seed": "write seeds: [0, 1] at the top of the file or in a model",
    "seeds": "write them at the top of the file or in a model",
    "model": "a model's name is its key in `models`",
    "notebook": "each model in `models` names its own",
    "ways": "they are of a model: models: {zoom: {notebook: 03_train_zoom, ways: {...}}}",
}


def _not_here(section: Iterable[str], where: str) -> None:
    """Refuse settings that a section of a profile does not decide."""
    for name, instead in ELSEWHERE.items():
        if name in section:
            raise SettingError(f"{where}: {name} is not set here; {instead}")


def _each_trains_another(trainings: Mapping[tuple[str, int], Training], where: str) -> None:
    """Refuse two models that would share a training: they are one model that is sampled in two ways."""
    known: dict[str, tuple[str, Training]] = {}
    for (model, _), P in trainings.items():
        first, other = known.setdefault(P.trains(), (model, P))
        if first != model:
            way = {k: v for k in OF_SAMPLING if (v := getattr(P, k, None)) != getattr(other, k, None)}
            shown = yaml.safe_dump({model: way}, default_flow_style=True, width=1000).strip()
            instead = f"write in {first}, in place of it, ways: {shown}" if way else "leave one of them out"
            if P.epochs != other.epochs:
                instead = "keep the one with more epochs, whose curve has the end of the other"
            raise SettingError(f"{where}: models.{model} trains what models.{first} trains; {instead}")


def read_profile(name: str | Path, folder: Path) -> Profile:
    """The profile of a name in `folder`, or in a YAML file of any place.

    Raises:
        SettingError: there is none, it is no YAML, or a setting is wrong; one line.
    """
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
    loaded = read_text(text, str(path))
    profile = Profile(loaded, str(path))
    if path.parent == folder and profile.name != path.stem:
        raise SettingError(f"{path}: profile = {profile.name!r}; write {path.stem!r}")
    return profile


LONGEST = 1_000_000  # characters of a YAML text
MOST = 100_000  # values in it, aliases written out


def read_text(text: str, where: str) -> Any:
    """Content of a YAML text.

    Raises:
        SettingError: it is no YAML, has a key twice, or is far too long; one line.
    """
    try:
        if len(text) > LONGEST:
            raise ValueError(f"it has {len(text):,} characters, and settings have {LONGEST:,} at most")
        return yaml.load(text, Loader=_Strict)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingError(f"{where} is no YAML: {' '.join(str(error).split())[:300]}") from None


class _Strict(yaml.SafeLoader):
    """YAML in which no key stands twice, 1e-4 is a number, and 010 and 1:30 are none."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - without octal numbers and those to the base of 60
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":int", ":float"))]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        _count(node, {})
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        merge = "tag:yaml.org,2002:merge"  # <<: has no value of its own
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        if doubled := [key for i, key in enumerate(keys) if key in keys[:i]]:
            raise yaml.YAMLError(f"the key {doubled[0]!r} stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _count(node: Any, known: dict[int, int]) -> int:
    """Values below a node, aliases written out; raises YAMLError where these are too many, or endless."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST + 1  # if it is met again before it is counted, it holds itself
    below = node.value if isinstance(node, yaml.CollectionNode) else []
    parts = [part for one in below for part in (one if isinstance(one, tuple) else (one,))]
    known[id(node)] = found = 1 + sum(_count(part, known) for part in parts)
    if found > MOST:
        raise yaml.YAMLError(f"it has more than {MOST:,} values, aliases written out")
    return found


_DIGITS = list("-+.0123456789")
_Strict.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), _DIGITS)
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?((0|[1-9][0-9_]*)(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|nan)$", re.I
    ),
    _DIGITS,
)


def explain(error: ValidationError, cls: type[BaseModel], where: str) -> str:
    """The first of pydantic's errors as one line: what, which value, what is allowed."""
    found = error.errors()[0]
    name = ".".join(part for part in found["loc"] if isinstance(part, str))
    prefix = f"{where}: " if where else ""
    if found["type"] == "extra_forbidden":
        section = getattr(cls.model_fields.get(found["loc"][0]), "annotation", None)
        cls = section if isinstance(section, type) and issubclass(section, BaseModel) else cls
        if name in OLD:
            return f"{prefix}there is no parameter {name!r} any more; {OLD[name]}"
        return f"{prefix}there is no parameter {name!r}{nearest(name.rpartition('.')[2], cls.model_fields)}"
    message = re.sub(
        r"^(Value error,|Input|String|List|Dictionary) | after validation, not 0$", "", found["msg"]
    )
    if found["type"] == "string_pattern_mismatch" and name not in ("report.repository", "out"):
        message = "should be short, of letters, digits and _"
    if not name:
        return f"{prefix}{message}"
    field = cls.model_fields.get(name)
    meaning = f" ({field.description})" if field and field.description else ""
    if found["type"] == "missing":
        return f"{prefix}{name} is missing{meaning}"
    hint = ""
    if isinstance(found["input"], str) and found["type"] in ("float_type", "int_type"):
        hint = "; that is text: remove the quotes, and write numbers as 0.0002 or 2.0e-4"
    if found["type"] == "value_error":
        return f"{prefix}{message}"
    return f"{prefix}{name} = {_short(found['input'])} is not allowed: it {message}{meaning}{hint}"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, int | float | str | bool | None) else type(value).__name__
    return text if len(text) <= 80 else text[:77] + "..."


def _belongs(key: str, cls: type[Training], where: str) -> bool:
    """True if a key of the shared section `training` is a setting of this kind of model."""
    if key in cls.model_fields:
        return True
    if key in OLD:
        raise SettingError(
            f"{where}, training: there is no parameter {key!r} any more; {OLD[key]}, in a model"
        )
    known = {name for training in TRAININGS.values() for name in training.model_fields} - ELSEWHERE.keys()
    if key not in known:
        raise SettingError(f"{where}, training: there is no parameter {key!r}{nearest(key, known)}")
    return False
