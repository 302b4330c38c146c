"""The size of a run that is to fit a machine: as much training and as many samples as some minutes allow.

A profile with `minutes` says under `least` how far its numbers may fall. The machine is measured for a second
or two, and the largest numbers between those of the profile and the least ones are chosen whose run is
estimated to take no longer. The chosen profile is kept as OUT/profile.yaml: a second call goes on with it,
until that file is removed or the profile changes.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from timeit import repeat
from typing import Any

import torch
import yaml

from diffusion import runtime
from diffusion.files import sha256, write_bytes
from diffusion.parameters import Training
from diffusion.processes import ColdZoom
from diffusion.processes.samplers import sampler_of, visits
from diffusion.training.steps import Learner
from study.settings import Profile, SettingError, read_profile, read_text
from workflow import jobs

SHARES = [share / 10 for share in range(10, -1, -1)]  # of the way from the least numbers to the profile's
START = 22.0  # seconds of the processor that a job takes on any machine: starting up, and what is not counted
TIMED = 128  # samples of which measuring takes the time


def fitted(profile: Profile) -> Profile:
    """The profile with numbers that fit this machine; itself, where it names no minutes.

    Raises:
        SettingError: what is under `least` is no number of the profile, or larger than it.
    """
    if profile.file.minutes is None:
        return profile
    path, text = jobs.folder(profile) / "profile.yaml", Path(profile.where).read_text("utf-8")
    of = f"# {profile.name} for this machine, of a file with the sha256 {sha256(text.encode())}"
    known = path.read_text("utf-8").splitlines()[:2] if path.is_file() else []
    if known[:1] != [of]:
        content, steps = read_text(text, profile.where), {}
        least, minutes = content.pop("least", {}), content.pop("minutes")
        for share in SHARES:
            chosen = between(content, least, share, "least")
            needed = estimate(Profile(chosen, profile.where), steps)
            if needed <= minutes:
                break
        if profile.text is not None:  # from another folder
            place = Path(profile.where).resolve().with_name(profile.options["text"])
            chosen = chosen | {"report": chosen["report"] | {"text": str(place)}}
        known = [of, f"# {profile.name}: about {max(1, round(needed))} minutes here{_told(content, chosen)}"]
        write_bytes(path, "\n".join([*known, yaml.safe_dump(chosen, sort_keys=False)]).encode())
    print(known[1].removeprefix("# "), flush=True)
    return read_profile(path, jobs.PROFILES)


def between(content: Any, least: Any, share: float, where: str) -> Any:
    """A profile's sections with whole numbers that lie between the least ones (share 0) and its own (1).

    Raises:
        SettingError: a least number is none, or is not below that of the profile.
    """
    if isinstance(content, Mapping) and isinstance(least, Mapping):
        parts = {key: between(content.get(key), one, share, f"{where}.{key}") for key, one in least.items()}
        return content | parts
    if type(content) is not int or type(least) is not int or not 0 < least <= content:
        allowed = f"1 to {content}" if type(content) is int else "what the profile has as a whole number"
        raise SettingError(f"{where} = {least!r} is not allowed: {allowed}")
    return least + round((content - least) * share)


def _told(content: Any, chosen: Any, where: str = "") -> str:
    """The numbers that differ, in words."""
    if isinstance(chosen, Mapping):
        return "".join(_told(content[key], one, key) for key, one in chosen.items())
    return f"; {where} {chosen:,} in place of {content:,}" if chosen != content else ""


def estimate(profile: Profile, steps: dict[tuple, float]) -> float:
    """Minutes that a run takes on this machine; `steps` keeps the seconds of training steps, once measured.

    A step goes through the network forwards and backwards: a call for an image takes a third of its share.
    """
    from study.measure import measured_epochs  # takes seconds

    seconds = START * len(jobs.of(profile))
    for (model, seed), P in profile.trainings.items():
        key = (P.network, str(P.channels), str(P.network_options), P.batch_size, P.precision)
        step = steps[key] = steps.get(key) or seconds_of_step(P)
        n, M = P.n_train or 60_000, profile.measure(model, seed)
        total = P.steps or P.epochs * -(-n // P.batch_size)
        epochs = P.epochs if not P.steps else -(-P.steps * P.batch_size // n)
        process, drawn = P.process(), P.n_keep + M.n_final + TIMED
        drawn += len(measured_epochs(epochs, M.distance_every)) * M.n_checkpoint
        calls = drawn * (len(visits(sampler_of(P.way().sampler, process), process.T)) - 1)
        calls += epochs * (P.n_test or 10_000) + process.T * getattr(P, "n_reconstruct", 0)
        seconds += step * (total + calls / (3 * P.batch_size))
    return seconds / min(os.cpu_count() or 1, len(profile.trainings)) / 60


def seconds_of_step(P: Training) -> float:
    """Seconds of the processor for a training step."""
    precision = runtime.resolve_precision(P.precision, torch.device("cpu"))
    x = torch.rand(P.batch_size, 1, 28, 28, generator=runtime.generator("speed")) - 0.5
    options = {"batch_size": P.batch_size, "learning_rate": 1e-4, "lr_schedule": "constant", "total": 10}
    learner = Learner(ColdZoom(), *P.architecture(), x, None, **options, seed=0, precision=precision)
    return min(repeat(lambda: learner.step(0, x), timer=process_time, number=1, repeat=4))
