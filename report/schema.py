"""The keys that the report needs of each record, and a check that names the file and the key that is amiss.

A specification is a type or a tuple of types; a dict of required keys (there may be others); `Many` of
another (a list), `Each` of another (a mapping with any keys); or `Maybe` of another (which may be null, and
absent where it is newer than some releases).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NUMBER, TEXT = (int, float), str
NAMES = {dict: "a mapping", list: "a list", str: "text", int: "a whole number", bool: "true or false"}


@dataclass(frozen=True)
class Many:
    """A list of `length` entries; None: of at least one."""

    of: Any
    length: int | None = None


@dataclass(frozen=True)
class Each:
    of: Any


@dataclass(frozen=True)
class Maybe:
    of: Any
    newer: bool = False


def check(value: Any, spec: Any, file: str, path: str = "") -> None:
    """Compare a record with its specification.

    Raises:
        ValueError: a key is missing or holds something of another kind; one line with the file and the key.
    """
    if isinstance(spec, Maybe):
        if value is not None:
            check(value, spec.of, file, path)
    elif isinstance(spec, dict | Each):
        _kind(value, dict, file, path)
        parts = dict.fromkeys(value, spec.of) if isinstance(spec, Each) else spec
        for key, part in parts.items():
            where = f"{path}.{key}" if path else key
            if key not in value and isinstance(part, Maybe) and part.newer:
                continue
            if key not in value:
                raise _error(file, f"lacks the key {where}")
            check(value[key], part, file, where)
    elif isinstance(spec, Many):
        _kind(value, list, file, path)
        if len(value) != spec.length if spec.length is not None else not value:
            wanted = "at least 1" if spec.length is None else spec.length
            raise _error(file, f"has {len(value)} entries in {path}; needed: {wanted}")
        for i, entry in enumerate(value):
            check(entry, spec.of, file, f"{path}[{i}]")
    else:
        _kind(value, spec, file, path)


def _kind(value: Any, kind: Any, file: str, path: str) -> None:
    truth = isinstance(value, bool) and kind is not bool  # a bool is an int to Python
    if truth or not isinstance(value, kind):
        wanted = "a number" if kind == NUMBER else NAMES[kind]
        found = "null" if value is None else type(value).__name__
        raise _error(file, f"needs {wanted} as {path or 'its content'}, not {found}")


def _error(file: str, what: str) -> ValueError:
    return ValueError(f"{file} {what}: it is damaged or of another version; run its notebook again")


def parallel(record: dict[str, Any], keys: tuple[str, ...], file: str, path: str = "") -> None:
    """Raises ValueError unless these lists of a record are equally long."""
    if len({len(record[k]) for k in keys}) > 1:
        raise _error(file, f"has lists of different lengths in {path}: {', '.join(keys)}")


SHARES = Many(NUMBER, 10)
HEAD = {"notebook": TEXT, "environment": dict, "code": TEXT}
_schedule = {"beta": Many(NUMBER), "alpha_bar": Many(NUMBER), "clipped_steps": int, "signal_T": NUMBER}
_kept = dict.fromkeys(("alpha_bar", "signal", "noise", "correlation", "correlation_sd"), NUMBER)
_pair = {"linear": NUMBER, "cosine": NUMBER}
_curve_parameters = dict.fromkeys(("beta_start", "beta_end", "s", "beta_max"), NUMBER) | {"T": int}

SCHEDULES = HEAD | {
    "parameters": _curve_parameters | {"seed": int},
    "T": int,
    "linear": _schedule,
    "cosine": _schedule,
    "t300": {"t": int, "linear": _kept, "cosine": _kept},
    "mean_step": _pair,
    "useful_steps": _pair,
    "usual_cap": {"beta_max": NUMBER, "signal_T": NUMBER},
    "misprint_eq9": dict.fromkeys(("min_beta", "max_beta", "share_above_one"), NUMBER),
    "zoom": {"T": int, "interpolation": TEXT, "sizes": Many(int)},
}

_training = {
    "seed": int,
    "batch_size": int,
    "channels": Many(int),
    "learning_rate": NUMBER,
    "lr_schedule": TEXT,
    "n_train": Maybe(int),
    "n_test": Maybe(int),
}
_line = {"epoch": int, "train_loss": NUMBER, "test_loss": NUMBER, "seconds": NUMBER}
TRAIN = HEAD | {
    "parameters": _training,
    "environment": {"precision": TEXT},
    "model": TEXT,
    "process": TEXT,
    "label": TEXT,
    "fingerprint": TEXT,
    "epochs": int,
    "steps": int,
    "history": Many(_line),
    "weights": {"sha256": TEXT},
    "parameters_count": int,
    "seconds_per_step": NUMBER,
    "first_epoch_gap": NUMBER,
}

_rate = {"learning_rate": NUMBER, "first_loss": NUMBER, "finite": bool}
_rate |= {"last_loss": Maybe(NUMBER), "worst_loss": NUMBER}
_drawn = {"schedule": TEXT, "clip_x0": bool, "sampling_steps": Maybe(int)}
DDPM = TRAIN | {
    "parameters": _training | _curve_parameters | _drawn,
    "learning_rate_check": {"steps": int, "printed": _rate, "used": _rate},
    "offset": {"shift": NUMBER, "response": NUMBER},
    "timestep_loss": {"t": Many(int), "alpha_bar": Many(NUMBER), "test_loss": Many(NUMBER)},
    "common_loss": {
        "mean": NUMBER,
        "each": Many(NUMBER),
        "levels": Many(NUMBER, 10),
        "by_level": Many(NUMBER, 10),
    },
}

_confusion = {"matrix": Many(Many(int, 10), 10), "accuracy": NUMBER, "n": int, "real_accuracy": NUMBER}
ZOOM = TRAIN | {
    "parameters": _training | {"T": int, "interpolation": TEXT},
    "reconstruction": {"levels": Many(int), "mse": Many(NUMBER), "n": int},
    "confusion": _confusion,
    "dark_centre": {"n": int, "share": SHARES, "true_share": SHARES},
    "five_as_zero": NUMBER,
    "seven_as_zero": NUMBER,
    "centre_pixels": dict.fromkeys(("black", "white", "extreme"), NUMBER),
}

_floor = {"n": int, "repeats": int} | dict.fromkeys(("fid_mean", "fid_sd", "kid_mean", "kid_sd"), NUMBER)
_fid = {"fid": NUMBER, "low": Maybe(NUMBER), "high": Maybe(NUMBER), "bias": Maybe(NUMBER)}
_fid |= {"kid": NUMBER, "kid_sd": NUMBER}
_span = {"low": NUMBER, "high": NUMBER}
_unread = _span | {"share": NUMBER}
_classes = {"share": SHARES, "low": SHARES, "high": SHARES, "entropy": NUMBER}
_classes |= dict.fromkeys(("divergence", "divergence_low", "divergence_high"), NUMBER)
_reach = dict.fromkeys((k + end for k in ("recall", "coverage") for end in ("", "_low", "_high")), NUMBER)
_variety = _reach | {"precision": NUMBER, "n": int}
_seeds = {"n": int, "not_digit": _unread, "classes": _classes, "variety": _variety}
_border = {"mean": NUMBER, "sd": NUMBER}
_centre = {"n": int, "dark": NUMBER, "white": NUMBER}
_checkpoint = {
    "epoch": int,
    "digits": _fid,
    "inception": Maybe(_fid),
    "classes": _classes,
    "not_digit": _unread | {"threshold": NUMBER},
    "recognised": {"n": int, "share": SHARES, "low": SHARES, "high": SHARES},
    "background": _span | {"mean": NUMBER},
    "centre": _centre,
    "variety": _variety,
}
_final = _checkpoint | {
    "n": int,
    "n_classes": int,
    "floor": {"digits": _floor, "inception": Maybe(_floor)},
    "border": _border,
    "outside": NUMBER,
    "minimum": NUMBER,
    "maximum": NUMBER,
}
_mean = {"mean": NUMBER, "sd": NUMBER}
_measures = ("test_loss", "digits", "not_digit", "background", "recall", "coverage", "divergence")
_over_seeds = {"seeds": Many(int), "models": Each({"final": dict.fromkeys(_measures, _mean)})}
WITH_INCEPTION = {
    "extractors": {"inception": {"sha256": TEXT}},
    "floor": {"inception": _floor},
    "curves": Each(Many({"inception": _fid})),
    "final": Each({"inception": _fid}),
}
_mean_span = _span | {"mean": NUMBER}
_drawn_twice = {"n": int, "digits": _fid, "not_digit": _unread, "background": _mean_span, "border": _border}
_gap = {"digits": _mean_span, "background": _mean_span}
COMPARE = HEAD | {
    "parameters": {"seed": int},
    "models": Many(TEXT),
    "labels": Each(TEXT),
    "fingerprints": Each(TEXT),
    "reference": {"split": TEXT, "n": int},
    "extractors": {
        "digits": {"available": bool, "dimension": int, "sha256": TEXT, "test_accuracy": NUMBER},
        "inception": {"available": bool, "reason": TEXT},
    },
    "n_samples": int,
    "floor": {"digits": _floor, "inception": Maybe(_floor)},
    "curves": Each(Many(_checkpoint)),
    "final": Each(_final),
    "real": {
        "classes": {"share": SHARES},
        "not_digit": {"share": NUMBER},
        "recognised": {"share": SHARES},
        "background": {"mean": NUMBER},
        "border": _border,
        "centre": _centre,
        "variety": _variety,
        "divergence_floor": {"mean": NUMBER, "sd": NUMBER, "n": int},
        "entropy": NUMBER,
    },
    "seed_sources": Maybe({"independent": _seeds, "patches": _seeds | {"curve": Many(_checkpoint)}}),
    "clipping": dict.fromkeys(("linear", "cosine"), {"off": _drawn_twice, "on": _drawn_twice, "gap": _gap}),
    "float32": Maybe(Each({"bf16": _drawn_twice, "fp32": _drawn_twice, "gap": _gap}), newer=True),
    "over_seeds": Maybe(_over_seeds),
    "quality_rule": TEXT,
}
ALONE = COMPARE | {"clipping": dict}  # of one model measured by itself
