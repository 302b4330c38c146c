"""What the study states about its own experiment, and how a run departs from it."""

from __future__ import annotations

from report.results import Results
from report.text import Markdown, finalize, integer, listing, num

# Section and value as the study gives them. The learning rate is the one it means: see the errata.
STUDY = {
    "epochs": 100,  # 2.3 and 3.3
    "batch_size": 128,  # 2.2
    "learning_rate": 2e-4,  # printed as 2^-4
    "printed_learning_rate": 2.0**-4,  # 2.2, 2.3 and 3.3
    "n_samples": 500,  # 2.4
    "T": 1000,
    "zoom_T": 24,  # 3.2
    "t_compared": 300,  # 2.3: the time step that Figure 2's discussion names
    "pixels": 28 * 28,
}


def unlike_study(results: Results, model: str) -> list[Markdown]:
    """In which parameters this model's run departs from the study; empty if in none."""
    record, p = results.train[model], results.train[model]["parameters"]
    steps = STUDY["zoom_T"] if record["process"] == "zoom" else STUDY["T"]
    out = []
    if record["epochs"] < STUDY["epochs"]:
        out.append(f"{integer(record['epochs'])} of {STUDY['epochs']} epochs")
    if p.get("n_train") is not None and results.passes(model) < record["epochs"]:
        out.append(f"{integer(p['n_train'])} training images")
    if p["learning_rate"] != STUDY["learning_rate"] or p["lr_schedule"] != "constant":
        out.append(f"a learning rate of {num(p['learning_rate'], 2)} ({finalize(p['lr_schedule'])})")
    if p["batch_size"] != STUDY["batch_size"]:
        out.append(f"batches of {integer(p['batch_size'])}")
    if p.get("clip_x0"):
        out.append("clipped sampling")
    if p.get("sampling_steps") not in (None, steps):
        out.append(f"{integer(p['sampling_steps'])} sampling steps")
    if p.get("T", steps) != steps:
        out.append(f"$T = {int(p['T'])}$")
    if p.get("interpolation", "nearest") != "nearest":
        out.append(f"{finalize(p['interpolation'])} interpolation")
    return [Markdown(x) for x in out]


def deviations(results: Results) -> Markdown | None:
    """One phrase for the banner, or None when the run is at the scale of the study."""
    groups: dict[str, list[str]] = {}
    for model in results.train:
        n = results.final[model]["n"]
        few = [Markdown(f"{integer(n)} of {STUDY['n_samples']} samples")] if n < STUDY["n_samples"] else []
        if differs := unlike_study(results, model) + few:
            groups.setdefault(listing(differs), []).append(model)
    if not groups:
        return None
    return Markdown("; ".join(f"for {listing(models)}, {what}" for what, models in groups.items()))
