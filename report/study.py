"""What the study states about its own experiment, and how a run departs from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffusion import datasets
from diffusion.parameter_table import N_TEST_IMAGES
from report.results import REQUIRED, Results
from report.text import Markdown, code, escape, finalize, integer, listing, num

# Section and value as the study gives them. The learning rate is the one it means: see the errata.
STUDY = {
    "epochs": 100,  # 2.3 and 3.3
    "batch_size": 128,  # 2.2
    "channels": [16, 32, 32, 16],  # 2.2
    "learning_rate": 2e-4,  # printed as 2^-4
    "printed_learning_rate": 2.0**-4,  # 2.2, 2.3 and 3.3
    "n_samples": 500,  # 2.4
    "T": 1000,
    "beta_start": 1e-5,  # 2.3, as are the next three
    "beta_end": 0.02,
    "s": 0.008,
    "beta_max": 0.02,
    "zoom_T": 24,  # 3.2
    "t_compared": 300,  # 2.3: the time step that Figure 2's discussion names
    "pixels": 28 * 28,
}


CITATION = {"fashion": "xiao2017", "kmnist": "clanuwat2018"}  # of data sets that are not the study's


def other_data(results: Results) -> Markdown:
    """The run's data set, if it is not the study's; else empty."""
    return Markdown("") if results.dataset is datasets.MNIST else escape(results.dataset.title)


def other_schedules(parameters: Mapping[str, Any]) -> list[Markdown]:
    """In which constants these noise schedules differ from the study's."""
    keys = ("T", "beta_start", "beta_end", "s", "beta_max")
    return [Markdown(f"{code(k)} = {num(parameters[k], 2)}") for k in keys if parameters[k] != STUDY[k]]


def other_training(results: Results, model: str) -> list[Markdown]:
    """In which parameters this model's training differs from the study's, save for its length."""
    record, p = results.train[model], results.train[model]["parameters"]
    out = []
    if p["learning_rate"] != STUDY["learning_rate"] or p["lr_schedule"] != "constant":
        out.append(f"a learning rate of {num(p['learning_rate'], 2)} ({finalize(p['lr_schedule'])})")
    if p["batch_size"] != STUDY["batch_size"]:
        out.append(f"batches of {integer(p['batch_size'])}")
    if p["channels"] != STUDY["channels"]:
        out.append(f"a network of {listing(p['channels'])} channels")
    if (n := p["n_test"]) is not None and n < N_TEST_IMAGES:
        out.append(f"a test split of {integer(n)} images")
    if record["process"] == "ddpm":
        return [Markdown(x) for x in out] + other_schedules(p)
    if p["T"] != STUDY["zoom_T"]:
        out.append(f"$T = {int(p['T'])}$")
    if p["interpolation"] != "nearest":
        out.append(f"{finalize(p['interpolation'])} interpolation")
    return [Markdown(x) for x in out]


def other_sampling(results: Results, model: str) -> list[Markdown]:
    """How this model's samples were drawn unlike the study's."""
    p, out = results.train[model]["parameters"], []
    if p.get("clip_x0"):
        out.append(Markdown("clipped sampling"))
    if p.get("sampling_steps") not in (None, p["T"]):
        out.append(Markdown(f"{integer(p['sampling_steps'])} sampling steps"))
    return out


def few_samples(results: Results, model: str) -> Markdown:
    """How many of the study's samples were measured, or against how few real ones; empty if by all."""
    n, real = min(results.final[model]["n"], results.compare["n_samples"]), results.compare["reference"]["n"]
    out = [f"{integer(n)} of {STUDY['n_samples']} samples"] if n < STUDY["n_samples"] else []
    if real < N_TEST_IMAGES:
        out.append(f"{integer(real)} of {integer(N_TEST_IMAGES)} reference images")
    return listing(map(Markdown, out)) if out else Markdown("")


def unlike_study(results: Results, model: str) -> list[Markdown]:
    """In what this model's run departs from the study; empty if in nothing."""
    record, p = results.train[model], results.train[model]["parameters"]
    out = []
    if record["epochs"] < STUDY["epochs"]:
        out.append(Markdown(f"{integer(record['epochs'])} of {STUDY['epochs']} epochs"))
    if p.get("n_train") is not None and results.passes(model) < record["epochs"]:
        out.append(Markdown(f"{integer(p['n_train'])} training images"))
    few = few_samples(results, model)
    return out + other_training(results, model) + other_sampling(results, model) + ([few] if few else [])


def deviations(results: Results) -> Markdown | None:
    """One phrase for the banner, or None when the study's models are at the scale of the study."""
    groups: dict[str, list[str]] = {}
    for model in REQUIRED:
        if differs := unlike_study(results, model):
            groups.setdefault(listing(differs), []).append(model)
    if not groups:
        return None
    return Markdown("; ".join(f"for {listing(models)}, {what}" for what, models in groups.items()))
