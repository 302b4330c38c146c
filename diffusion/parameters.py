"""Parameters of the notebooks that train: type, bounds, default and meaning.

    python -m diffusion.parameters 02_train_ddpm

lists those of a notebook. What is an argument of a process, a schedule or `fit` stands there once, and is
taken from its signature. A notebook reads its parameters from its first cell. Unknown names, wrong types and
values out of range are one `SettingError` of one line, before anything runs.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, create_model, model_validator
from torch import Tensor

from diffusion import data, processes
from diffusion.bounds import STRICT, Seed, annotated, explain
from diffusion.files import expanded, write_json
from diffusion.plugins import call_with, named, nearest
from diffusion.processes.priors import prior_of
from diffusion.processes.samplers import sampler_of
from diffusion.processes.schedules import SCHEDULES
from diffusion.progress import one_line
from diffusion.provenance import checkout
from diffusion.training import network as networks
from diffusion.training.fit import fit
from diffusion.training.run import Run, Way

PLACES = ("data_dir", "out_dir", "released")  # settings of where things lie

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,39}$")]
Text = Annotated[str, Field(max_length=1000)]
Options = Annotated[dict[str, Any], Field(max_length=50)]


def _is_a_dataset(name: Any) -> Any:
    if isinstance(name, str) and not getattr(named("dataset", name, data.DATASETS), "classes", True):
        raise ValueError(f"dataset is {name!r}, which has no classes; diffusion.Evaluator measures without")
    return name


Deepest = Annotated[
    int, Field(ge=1, le=27, description="last zoom level: (28 - T) x (28 - T) pixels are left")
]
DataSetName = Annotated[str, BeforeValidator(_is_a_dataset)]
Released = Annotated[
    Text | None, Field(description="a released profile, whose trainings are opened; None: train")
]


class SettingError(ValueError):
    """A setting is unknown, missing, of the wrong type, out of range, or at odds with another one."""


class Settings(BaseModel):
    """Settings that all notebooks share. Numbers are numbers, not texts that look like one."""

    model_config = STRICT | {"extra": "forbid", "frozen": True}
    short: ClassVar[dict[str, Any]] = {}  # defaults of a notebook that is run by hand: a minute's work

    seed: Seed = 0
    dataset: DataSetName = Field(
        "mnist", description="one of diffusion.data.DATASETS, or module:name of your own"
    )
    data_dir: Text | None = Field(None, description="folder of the data set; None: data/")
    out_dir: Text | None = Field(None, description="folder of the results; None: build/notebook")
    n_test: int | None = Field(None, ge=12, le=1_000_000, description="test images used; None: all")

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """The settings in `values`; SettingError: one is not allowed, or no parameter."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingError(refused(error, cls, where)) from None

    @classmethod
    def of_notebook(cls, variables: dict[str, Any]) -> Self:
        """The settings in a notebook's global variables, as `P`, right after its parameters cell.

        What `more` names overrules a variable of that name, which gets its value; what neither names is as in
        `short`. Any other variable is a misspelt parameter, unless `P` is there: cells below have run then.
        """
        where, known = cls.model_fields["notebook"].default, {*cls.model_fields}
        found, more = {k: v for k, v in variables.items() if k in known}, variables.get("more", {})
        if not isinstance(more, dict):
            raise SettingError(f"{where}: more is {more!r}; needed: a mapping such as {{'n_test': 100}}")
        if not isinstance(variables.get("P"), cls):
            shell = variables.get("get_ipython", lambda: None)()
            aside = {"In", "Out", "more", *getattr(shell, "user_ns_hidden", ())}  # and of start-up files
            values = {k: v for k, v in variables.items() if not isinstance(v, ModuleType) and not callable(v)}
            others = {k for k in values if not k.startswith("_") or k.strip("_") in known} - aside
            found |= {k: values[k] for k in others}
        variables.update({k: v for k, v in more.items() if k in found})
        return cls.read(cls.short | found | more, where)

    @property
    def out(self) -> Path:
        """The folder of results: out_dir, else build/notebook of the checkout or the current folder."""
        return expanded(self.out_dir) if self.out_dir else (checkout() or Path()) / "build/notebook"

    def values(self) -> dict[str, Any]:
        """Name -> value, without `PLACES`: what a record keeps."""
        return self.model_dump(exclude={*PLACES})


def settings_of(function: Callable, without: Iterable[str] = (), **defaults: Any) -> type[Settings]:
    """Settings with a field for each parameter of a function that has bounds or a meaning, but `without`."""
    fields = {}
    for name, one in annotated(function).items():
        kind, *meaning = one.annotation.__origin__, *one.annotation.__metadata__
        kind = Text if kind is Any else kind  # an object is named by a text
        if name not in without:
            fields[name] = Annotated[kind, *meaning], defaults.get(name, one.default)
    return create_model(f"SettingsOf_{function.__name__}", __base__=Settings, **fields)


_Schedules = tuple(map(settings_of, SCHEDULES.values()))


class Schedules(*_Schedules, settings_of(processes.ColdZoom, without=("T", "image_noise"))):
    """Settings of 01_schedules: the degradations before any training."""

    short = {"n_test": 1000}
    notebook: Literal["01_schedules"] = "01_schedules"
    released: Released = None
    zoom_T: Deepest = 24
    image_index: int = Field(61, ge=0, le=9_999, description="the test image in the figures")
    n_columns: int = Field(11, ge=2, le=50, description="evenly spaced time steps that are shown")

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        for schedule in SCHEDULES.values():
            call_with(schedule, dict(self))
        return self


# Settings of a training: of its samples, and those that change neither its weights nor its samples.
OF_SAMPLING = ("sampler", "sampler_options", "prior", "prior_options")
OF_NO_EFFECT = ("model", "n_keep", "n_reconstruct")


def changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes of sampling: another sampler or prior begins without options."""
    without = {f"{name}_options": {} for name in ("sampler", "prior") if name in changes}
    return {**settings, **without, **changes}


_Fit = settings_of(
    fit, without=("name", "checkpoint_steps"), epochs=100, learning_rate=2e-4, lr_schedule="constant",
    channels=list(networks.CHANNELS), network_options={},
)  # fmt: skip


class Training(_Fit):
    """Settings that the training notebooks share: a long training at the study's rate, by default."""

    short = {"epochs": 2, "batch_size": 8, "learning_rate": 2e-3, "lr_schedule": "cosine"}
    short |= {"n_train": 4000, "n_test": 500, "n_keep": 64}
    released: Released = None
    model: Name = Field("model", description="name of the trained model, in files and figures")
    n_train: int | None = Field(None, ge=1, le=1_000_000, description="training images used; None: all")
    n_keep: int = Field(500, ge=2, le=60_000, description="images generated at the end, and kept")
    sampler: Text = ""
    sampler_options: Options = Field({}, description="arguments of the sampler")

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.steps is None and self.epochs is None:
            raise ValueError("steps and epochs are both empty; give one of them")
        self.way()
        if ":" not in self.network:  # a module of one's own is loaded where it is needed
            self.architecture()
        if self.n_train and self.batch_size > self.n_train:
            raise ValueError(f"batch_size = {self.batch_size} exceeds n_train = {self.n_train}")
        return self

    def fitting(self) -> dict[str, Any]:
        """The arguments of `fit` that are settings: its steps, if they are given, in place of its epochs."""
        found = {name: getattr(self, name) for name in annotated(fit) if hasattr(self, name)}
        return found | {"name": self.model} | ({"epochs": None} if self.steps else {})

    def way(self, changes: Mapping[str, Any] = MappingProxyType({})) -> Way:
        """The way to sample the training, with `changed` settings; ValueError: it cannot be sampled so."""
        if other := changes.keys() - {*OF_SAMPLING, "average"}:
            raise ValueError(no_parameter(min(other), (*OF_SAMPLING, "average"), ""))
        own = {"prior": None, "prior_options": {}}  # a DDPM has none
        own |= {name: getattr(self, name) for name in OF_SAMPLING if hasattr(self, name)}
        own = changed(own, {k: v for k, v in changes.items() if k in OF_SAMPLING})
        average = changes.get("average", 1)
        if type(average) is not int or average < 1 or not (self.steps or average <= (self.epochs or 1)):
            raise ValueError(f"average is {average!r}; allowed: 1 to the {self.epochs} epochs")
        process, prior = self.process(), prior_of(own["prior"], own["prior_options"])
        sampler = sampler_of(own["sampler"], process, own["sampler_options"])
        if prior is not None and isinstance(process, processes.DDPM):
            raise ValueError(f"prior is {own['prior']!r}; a DDPM starts from noise and takes none")
        return Way(sampler, prior, average)

    def trains(self) -> dict[str, Any]:
        """All settings that determine the weights, which two models may not have in common."""
        more = self.lr_schedule == "constant"  # more epochs go on where fewer ended
        aside = {*OF_NO_EFFECT, *OF_SAMPLING, *(("epochs",) if more else ())}
        return {name: value for name, value in self.values().items() if name not in aside}

    def architecture(self) -> tuple[type, dict[str, Any]]:
        """The network's class and its arguments; raises ValueError where it cannot be loaded."""
        return networks.architecture(self.network, self.channels, self.network_options)

    # --- in a notebook ---

    def fit(self, process: processes.DegradationProcess, x: Tensor, x_test: Tensor) -> Run:
        """`fit` with these settings, under `out`, or the released training; it is sampled as they say.

        `trained/MODEL-SEED.json` then says what was trained and where it lies, for who keeps records.
        """
        from diffusion.notebook import loss_curve
        from diffusion.training.opening import released

        way = self.way()
        with one_line():
            if self.released:
                run = released(self.released, self.model, self.seed, precision=self.precision)
            else:
                options = {"folder": self.out / "runs", "callback": loss_curve(), **self.fitting()}
                run = fit(process, x, x_test, **options)
                left = {"run": f"runs/{run.folder.name}", "settings": self.values()}
                write_json(self.out / "trained" / f"{run.name}-{run.seed}.json", left)
            return run.by_default(way.sampler, way.prior)

    def draw(self, run: Run) -> Tensor:
        """`n_keep` samples of a training, (n_keep, 1, 28, 28); of a released one those that are kept."""
        from diffusion.notebook import kept_samples

        return kept_samples(run, self.n_keep) if self.released else run.sample(self.n_keep)


class TrainDDPM(Training, *_Schedules):
    """Settings of 02_train_ddpm."""

    notebook: Literal["02_train_ddpm"] = "02_train_ddpm"
    model: Name = Field("linear", description="name of the trained model, in files and figures")
    schedule: Text = Field("linear", description="linear, cosine, or module:function of your own")
    schedule_options: Options = Field({}, description="further arguments of the schedule")
    sampler: Text = Field(
        "ancestral", description="ancestral (the study), ddim: no noise on the way, or module:name"
    )
    sampler_options: Options = Field({}, description="arguments of the sampler: steps, clip_x0")

    def process(self) -> processes.DDPM:
        """The process; raises ValueError where it refuses these settings."""
        schedule = named("schedule", self.schedule, SCHEDULES)
        return processes.DDPM(call_with(schedule, dict(self), self.schedule_options))


class TrainZoom(Training, settings_of(processes.ColdZoom, without=("T",))):
    """Settings of 03_train_zoom."""

    short = Training.short | {"n_reconstruct": 300}
    notebook: Literal["03_train_zoom"] = "03_train_zoom"
    model: Name = Field("zoom", description="name of the trained model, in files and figures")
    T: Deepest = 24
    sampler: Text = Field(
        "naive", description="naive (the study), improved: Bansal et al., Algorithm 2, or module:name"
    )
    sampler_options: Options = Field({}, description="arguments of the sampler: noise, grey_noise, levels")
    prior: Text = Field("pixels", description="start pixels: pixels, patches, mixture, or module:Class")
    prior_options: Options = Field({}, description="arguments of the prior")
    n_reconstruct: int = Field(10_000, ge=2, le=1_000_000, description="test images restored per zoom level")

    def process(self) -> processes.ColdZoom:
        """The process; raises ValueError where it refuses these settings."""
        return call_with(processes.ColdZoom, dict(self))


class TrainOwn(Training):
    """Settings of 05_your_degradation."""

    notebook: Literal["05_your_degradation"] = "05_your_degradation"
    model: Name = Field("blur", description="name of the trained model, in files and figures")
    degradation: Text | None = Field(
        None, description="the class that degrades, module:Class; None: the one in the notebook"
    )
    T: int = Field(20, ge=1, le=10_000, description="deepest level, given to the class")
    degradation_options: Options = Field({}, description="further arguments of the class")
    sampler: Text = Field("naive", description="naive, improved, or module:name of your own")
    prior: Text | None = Field(None, description="patches, mixture, or module:Class; None: of the class")
    prior_options: Options = Field({}, description="arguments of the prior")

    def process(self) -> processes.DegradationProcess | None:
        """The process, None where its class is not named; raises ValueError where it cannot be made."""
        return self.degradation and processes.own(self.degradation, self.T, self.degradation_options)


NOTEBOOKS: dict[str, type[Settings]] = {
    cls.model_fields["notebook"].default: cls for cls in (Schedules, TrainDDPM, TrainZoom, TrainOwn)
}


def refused(error: ValidationError, cls: type[BaseModel], where: str) -> str:
    """The first of pydantic's errors as one line: what, which value, what is allowed."""
    found = error.errors()[0]
    name = ".".join(part for part in found["loc"] if isinstance(part, str))
    prefix = f"{where}: " if where else ""
    if found["type"] == "extra_forbidden":
        section = getattr(cls.model_fields.get(found["loc"][0]), "annotation", None)
        cls = section if isinstance(section, type) and issubclass(section, BaseModel) else cls
        return no_parameter(name, {*cls.model_fields, *OF_SAMPLING}, where)
    meaning = getattr(cls.model_fields.get(name), "description", None)
    if found["type"] == "missing":
        return f"{prefix}{name} is missing" + (f" ({meaning})" if meaning else "")
    return prefix + explain(found, name, meaning)


def no_parameter(name: str, known: Iterable[str], where: str) -> str:
    """The line about a name that is none of the known ones."""
    prefix = f"{where}: " if where else ""
    return f"{prefix}there is no parameter {name!r}{nearest(name.rpartition('.')[2], known)}"


def listed(cls: type[Settings]) -> str:
    """The parameters of a notebook, a line each: name, value where nothing is said, meaning."""
    found = {k: field for k, field in cls.model_fields.items() if k != "notebook"}
    lines = [f"{k} = {cls.short.get(k, one.get_default())!r}  # {meaning(one)}" for k, one in found.items()]
    return "\n".join(sorted(lines))


def meaning(field: Any) -> str:
    """The meaning of a parameter, with the texts that are allowed."""
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return field.description + (f" ({', '.join(choices)})" if choices else "")


def main(notebooks: Mapping[str, type[Settings]]) -> None:
    """Print the parameters of the notebook that is named on the command line."""
    if sys.argv[1:2] and sys.argv[1] in notebooks:
        print(listed(notebooks[sys.argv[1]]))
    else:
        sys.exit(f"name one notebook: {', '.join(notebooks)}")


if __name__ == "__main__":
    main(NOTEBOOKS)
