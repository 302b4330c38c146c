"""A synthetic run folder for the tests of the report: the files and keys of a real one, invented values.

Nothing here comes from training, and nothing here is read outside the tests.
"""

from __future__ import annotations

import copy
import json
import math
from functools import cache
from pathlib import Path

import nbformat
import yaml
from PIL import Image, ImageDraw

from diffusion import replicates
from diffusion.records import code_of

MODELS = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
NOTEBOOK = {"linear": "02_train_ddpm", "cosine": "02_train_ddpm", "zoom": "03_train_zoom"}
PLOTS = ["fig01_schedules", "fig03_ddpm_losses", "fig04_fid_ddpm", "fig08_centre_pixels", "fig09_zoom_losses"]
PLOTS += ["fig13_fid_all", "classes", "classes_along", "confusion", "reconstruction_error"]
PICTURES = [
    "fig02_latents",
    "fig05_linear_samples",
    "fig06_cosine_samples",
    "fig07_zoom",
    "fig10_reconstructions",
]
PICTURES += ["fig11_level24", "fig12_trajectory", "fig14_zoom_samples"]
REAL = [0.098, 0.1135, 0.1032, 0.101, 0.0982, 0.0892, 0.0958, 0.1028, 0.0974, 0.1009]

ENVIRONMENT = {
    "python": "3.11.9", "platform": "Linux-6.1-x86_64", "torch": "2.13.0", "torchvision": "0.28.0",
    "torchmetrics": "1.9.0", "accelerate": "1.12.0", "device": "cpu", "device_name": "a test CPU",
    "cores": 2, "threads": 2,
    "precision": "bf16", "commit": "0123456789abcdef0123456789abcdef01234567", "source": "feedc0de1234",
}  # fmt: skip
COMMON = {
    "seed": 0, "batch_size": 128, "learning_rate": 2e-4, "lr_schedule": "constant", "n_train": None,
    "n_test": None,
    "channels": [16, 32, 32, 16], "precision": "auto", "n_samples": 100,
}  # fmt: skip


DDPM = {"T": 1000, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02, "clip_x0": False}
DDPM |= {"sampling_steps": None}
ZOOMED = {"T": 24, "interpolation": "nearest", "n_reconstruct": 1000}


@cache
def code(notebook: str, degradation: str = "") -> str:
    """The hash in the records of a notebook that this checkout's code made."""
    return code_of(notebook, {"degradation": degradation})


def common_loss(mean: float, wobble: float = 0.01) -> dict:
    """A loss at common noise levels: of four images, the last two of which err less; `wobble` is relative."""
    levels = [round(0.05 + 0.1 * i, 2) for i in range(10)]
    found = {"mean": mean, "each": [mean * (1 + wobble * k) for k in (1, 1, -1, -1)]}
    return found | {"levels": levels, "by_level": [mean * (0.5 + a) for a in levels]}


def _linear(T: int) -> list[float]:
    return [0.0] + [1e-5 + (0.02 - 1e-5) * (t - 1) / (T - 1) for t in range(1, T + 1)]


def _cosine(T: int, s: float = 0.008, top: float = 0.02) -> list[float]:
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    return [0.0] + [min(top, 1 - f[t] / f[t - 1]) for t in range(1, T + 1)]


def _schedule(beta: list[float]) -> dict:
    alpha_bar = [1.0]
    for b in beta[1:]:
        alpha_bar.append(alpha_bar[-1] * (1 - b))
    clipped = sum(b == 0.02 for b in beta[:-1])
    return {
        "beta": beta,
        "alpha_bar": alpha_bar,
        "clipped_steps": clipped,
        "signal_T": math.sqrt(alpha_bar[-1]),
    }


def _schedules(T: int) -> dict:
    linear, cosine = _schedule(_linear(T)), _schedule(_cosine(T))
    facts = {
        "T": T,
        "linear": linear,
        "cosine": cosine,
        "t300": {"t": 300},
        "mean_step": {},
        "useful_steps": {},
    }
    for name in ("linear", "cosine"):
        a = facts[name]["alpha_bar"]
        signal, noise = math.sqrt(a[300]), math.sqrt(1 - a[300])
        r = 0.31 * signal / math.sqrt((0.31 * signal) ** 2 + noise**2)
        facts["t300"][name] = {"alpha_bar": a[300], "signal": signal, "noise": noise}
        facts["t300"][name] |= {"correlation": r, "correlation_sd": 0.05}
        facts["mean_step"][name] = sum(a[1:]) / T
        facts["useful_steps"][name] = sum(0.05 < x < 0.95 for x in a[1:])
    facts["usual_cap"] = {"beta_max": 0.999, "signal_T": 4.9e-5}
    facts["misprint_eq9"] = {"min_beta": 1.0002, "max_beta": 24000.0, "share_above_one": 1.0}
    facts["zoom"] = {"T": 24, "interpolation": "nearest", "sizes": [28 - t for t in range(25)]}
    parameters = {"T": T, "beta_start": 1e-5, "beta_end": 0.02, "s": 0.008, "beta_max": 0.02, "zoom_T": 24}
    parameters |= {"interpolation": "nearest", "image_index": 0, "n_columns": 11, "n_test": None, "seed": 0}
    return {
        "notebook": "01_schedules",
        "code": code("01_schedules"),
        "parameters": parameters,
        "environment": dict(ENVIRONMENT),
    } | facts


def _train(model: str, epochs: int) -> dict:
    zoom, floor = model == "zoom", {"linear": 0.040, "cosine": 0.032, "zoom": 0.024}[model]
    special = ZOOMED if zoom else DDPM | {"schedule": model}
    history = []
    for e in range(1, epochs + 1):
        test = floor + 0.08 / e + 0.0004 * math.sin(7 * e)
        train = floor + 0.08 / e + 0.10 / e**2
        history.append({"epoch": e, "train_loss": train, "test_loss": test, "seconds": 43.0})
    record = {
        "notebook": NOTEBOOK[model], "code": code(NOTEBOOK[model]),
        "parameters": COMMON | {"model": model, "epochs": epochs} | special,
        "environment": dict(ENVIRONMENT),
        "model": model, "process": "zoom" if zoom else "ddpm", "label": MODELS[model],
        "fingerprint": f"f1{model}",
        "run": f"runs/{model}-f1{model}", "epochs": epochs, "steps": 469 * epochs, "history": history,
        "weights": {"file": f"runs/{model}-f1{model}/weights/{epochs}.safetensors", "sha256": "ab" * 32},
        "parameters_count": 146993, "seconds_per_step": 0.091, "first_epoch_gap": 0.10,
    }  # fmt: skip
    return record | (_zoom_facts() if zoom else _ddpm_facts(model))


def _ddpm_facts(model: str) -> dict:
    rates = {"printed": (0.0625, 1.18, 1.02, 3e5), "used": (2e-4, 1.15, 0.31, 1.15)}
    check = {
        k: {"learning_rate": lr, "first_loss": a, "last_loss": b, "worst_loss": c, "finite": True}
        for k, (lr, a, b, c) in rates.items()
    }
    levels, by_level = [0.99, 0.8, 0.5, 0.2, 0.01], [0.3, 0.08, 0.04, 0.02, 0.01]
    return {
        "learning_rate_check": {"steps": 50} | check,
        "offset": {"shift": 1 / 28, "response": 0.6 / 28},
        "timestep_loss": {"t": [20, 200, 400, 600, 900], "alpha_bar": levels, "test_loss": by_level},
        "common_loss": common_loss({"linear": 0.051, "cosine": 0.047}[model]),
    }  # fmt: skip


def _zoom_facts() -> dict:
    matrix = [[80 if i == j else 2 for j in range(10)] for i in range(10)]
    for i in (2, 4, 5, 6):
        matrix[i] = [38 if j == i else 30 if j == 0 else 4 for j in range(10)]
    matrix[5][0], matrix[5][5], matrix[7][0] = 45, 23, 1
    total = sum(map(sum, matrix))
    right = sum(matrix[i][i] for i in range(10))
    return {
        "reconstruction": {
            "levels": list(range(1, 25)), "mse": [0.001 * t**1.3 for t in range(1, 25)],
            "sd": [0.0005 * t for t in range(1, 25)], "n": 1000,
        },
        "confusion": {"matrix": matrix, "accuracy": right / total, "n": total, "real_accuracy": 0.993},
        "dark_centre": {"n": 240, "share": [0.42, 0.0, 0.03, 0.02, 0.08, 0.02, 0.08, 0.06, 0.01, 0.28],
                        "true_share": [0.25, 0.0, 0.06, 0.05, 0.15, 0.09, 0.11, 0.12, 0.02, 0.15]},
        "five_as_zero": matrix[5][0] / sum(matrix[5]), "seven_as_zero": matrix[7][0] / sum(matrix[7]),
        "centre_pixels": {"counts": [40000] + [120] * 254 + [30000],
                          "black": 0.31, "white": 0.42, "extreme": 0.78},
    }  # fmt: skip


def _floor(n: int, extractor: str) -> dict:
    fid = 390 / n if extractor == "digits" else 3600 / n
    return {"n": n, "repeats": 10, "fid_mean": fid, "fid_sd": fid / 6, "kid_mean": 0.0001, "kid_sd": 0.0004}


def _distance(fid: float, n: int) -> dict:
    return {"fid": fid, "low": 0.94 * fid, "high": 1.06 * fid, "bias": 0.02 * fid} | {
        "kid": fid / 40,
        "kid_sd": fid / 400,
    }


def _bare(fid: float) -> dict:
    """A distance in wide features, for which no interval is computed."""
    return _distance(fid, 0) | {"low": None, "high": None}


def _classes(share: list[float]) -> dict:
    kl = sum(p * math.log(p / q) for p, q in zip(share, REAL, strict=True) if p > 0)
    out = {"share": share, "low": [max(0.0, p - 0.012) for p in share], "high": [p + 0.012 for p in share]}
    out |= {"divergence": kl, "divergence_low": max(0.0, kl - 0.01), "divergence_high": kl + 0.01}
    return out | {"entropy": -sum(p * math.log(p) for p in share if p > 0)}


def _reach(precision: float, recall: float, coverage: float, n: int) -> dict:
    spans = {"recall": recall, "coverage": coverage}
    out = {"precision": precision, "n": n} | spans
    return (
        out
        | {f"{k}_low": v - 0.03 for k, v in spans.items()}
        | {f"{k}_high": v + 0.03 for k, v in spans.items()}
    )


SHARES = {
    "linear": [0.09, 0.11, 0.09, 0.11, 0.10, 0.09, 0.09, 0.11, 0.10, 0.11],
    "cosine": [0.10, 0.12, 0.10, 0.10, 0.10, 0.08, 0.09, 0.11, 0.10, 0.10],
    "zoom": [0.12, 0.21, 0.04, 0.05, 0.06, 0.03, 0.07, 0.10, 0.16, 0.16],
}


def _recognised(share: list[float], n: int) -> dict:
    found = _classes(share)
    return {"n": n} | {key: found[key] for key in ("share", "low", "high")}


def _rate(p: float) -> dict:
    return {"share": p, "low": max(0.0, p - 0.02), "high": min(1.0, p + 0.02), "threshold": 0.9973}


def _checkpoint(model: str, epoch: int, fid: float, n: int, inception: bool) -> dict:
    """The measures of n samples after an epoch; all but the distance are the same after each."""
    dark = {"linear": 0.09, "cosine": 0.03, "zoom": 0.004}[model]
    reach = {"linear": (0.71, 0.68, 0.6), "cosine": (0.8, 0.74, 0.72), "zoom": (0.66, 0.41, 0.35)}[model]
    return {
        "epoch": epoch, "digits": _distance(fid, n), "inception": _bare(9 * fid) if inception else None,
        "classes": _classes(SHARES[model]), "recognised": _recognised(SHARES[model], n),
        "not_digit": _rate({"linear": 0.21, "cosine": 0.12, "zoom": 0.26}[model]),
        "background": {"mean": dark, "low": 0.9 * dark, "high": 1.1 * dark},
        "centre": {"n": 10000, "dark": 0.2, "white": 0.1}, "variety": _reach(*reach, n),
    }  # fmt: skip


def _from_patches(epoch: int, n: int, inception: bool) -> dict:
    """The zoom's measures of n samples from real patches."""
    better = {"classes": _classes(SHARES["cosine"]), "variety": _reach(0.7, 0.55, 0.6, n)}
    return _checkpoint("zoom", epoch, 9.4, n, inception) | better | {"not_digit": _rate(0.08)}


def _compare(epochs: int, every: int, n: int, inception: bool) -> dict:
    end = {"linear": 9.0, "cosine": 5.0, "zoom": 9.4}
    points = sorted({1, epochs} | set(range(every, epochs + 1, every)))
    curves, final = {}, {}
    for m, last in end.items():
        fids = [last * (1 + 4 / e - 4 / epochs) for e in points]
        curves[m] = [_checkpoint(m, e, f, n, inception) for e, f in zip(points, fids, strict=True)]
        final[m] = _checkpoint(m, epochs, last, n, inception) | {
            "n": n, "n_classes": 10000 if m == "zoom" else n,
            "floor": {"digits": _floor(n, "digits"),
                      "inception": _floor(n, "inception") if inception else None},
            "border": {"mean": 0.05, "sd": 0.1}, "outside": 0.04, "minimum": -0.71, "maximum": 0.84,
        }  # fmt: skip
    clipping = {
        m: {
            how: {
                "n": n,
                "digits": _distance(end[m] * factor, n),
                "not_digit": _rate(0.2 * factor),
                "background": {"mean": 0.1 * factor, "low": 0.09 * factor, "high": 0.11 * factor},
                "border": {"mean": 0.1 * factor, "sd": 0.2 * factor},
            }
            for how, factor in (("off", 1.0), ("on", 0.6))
        }
        | {
            "gap": {
                "digits": {"mean": -0.4 * end[m], "low": -0.5 * end[m], "high": -0.3 * end[m]},
                "background": {"mean": -0.04, "low": -0.05, "high": -0.03},
            }
        }
        for m in ("linear", "cosine")
    }
    float32 = {
        m: {
            how: {
                "n": n,
                "digits": _distance(fid, n),
                "not_digit": _rate(0.2),
                "background": {"mean": 0.1, "low": 0.09, "high": 0.11},
                "border": {"mean": 0.1, "sd": 0.2},
            }
            for how in ("bf16", "fp32")
        }
        | {
            "gap": {
                "digits": {"mean": 0.01, "low": -0.02, "high": 0.04},
                "background": {"mean": 0.0, "low": -0.001, "high": 0.001},
            }
        }
        for m, fid in end.items()
    }
    seed_sources = {
        "independent": {
            "not_digit": _rate(0.26),
            "classes": _classes(SHARES["zoom"]),
            "variety": _reach(0.66, 0.41, 0.35, n),
            "n": n,
        },
        "patches": {
            "not_digit": _rate(0.08),
            "classes": _classes(SHARES["cosine"]),
            "variety": _reach(0.7, 0.55, 0.6, n),
            "n": n,
            "curve": [_from_patches(e, n, inception) for e in points if e >= 0.8 * epochs],
        },
    }
    extractors = {
        "digits": {"available": True, "dimension": 64, "sha256": "cd" * 32, "test_accuracy": 0.9934}
    }
    reason = "no weights file was found and none could be downloaded"
    extractors["inception"] = {"available": inception, "reason": "" if inception else reason}
    if inception:
        extractors["inception"]["sha256"] = "ef" * 32
    return {
        "notebook": "04_compare_fid", "code": code("04_compare_fid"), "environment": dict(ENVIRONMENT),
        "parameters": {
            "models": list(MODELS), "seed": 0, "seeds": None, "n_samples": n, "n_final": n,
            "distance_every": every, "n_test": None,
            "floor_repeats": 10, "interval_repeats": 200, "inception_weights": "auto", "precision": "auto",
        },
        "fingerprints": {m: f"f1{m}" for m in MODELS},
        "models": list(MODELS), "labels": dict(MODELS), "reference": {"split": "test", "n": 10000},
        "extractors": extractors, "n_samples": n,
        "floor": {"digits": _floor(n, "digits"),
                      "inception": _floor(n, "inception") if inception else None},
        "curves": curves, "final": final,
        "real": {"classes": {"share": REAL}, "not_digit": {"share": 0.05}, "background": {"mean": 0.0002},
                 "recognised": {"n": 9500, "share": REAL}, "border": {"mean": 0.0002, "sd": 0.002},
                 "centre": {"n": 10000, "dark": 0.15, "white": 0.08},
                 "variety": _reach(0.88, 0.87, 0.96, n),
                 "divergence_floor": {"mean": 0.0092, "sd": 0.004, "n": n}, "entropy": 2.301},
        "seed_sources": seed_sources, "clipping": clipping, "float32": float32,
        "over_seeds": None,
        "quality_rule": "High-quality samples are drawn from the tenth that the classifier is most sure of.",
    }  # fmt: skip


def final_epochs(compare: dict, model: str) -> list[dict]:
    """The checkpoints of the last fifth of a model's training."""
    rows = compare["curves"][model]
    return [row for row in rows if row["epoch"] >= 0.8 * rows[-1]["epoch"]]


def ends(compare: dict, model: str) -> list[dict]:
    """What holds the measures of a model at the end: of the final samples, and of the final epochs."""
    return [compare["final"][model], *final_epochs(compare, model)]


def records(epochs: int = 100, every: int = 5, n: int = 500, inception: bool = True) -> dict[str, dict]:
    """File name in OUT/metrics -> content, for a run of ``epochs`` epochs."""
    out = {"schedules.json": _schedules(1000), "compare.json": _compare(epochs, every, n, inception)}
    out |= {f"train_{m}.json": _train(m, epochs) for m in MODELS}
    return copy.deepcopy(out)


def profile(content: dict[str, dict]) -> dict:
    """The profile file with which such a run was made."""
    train, compare = content["train_linear.json"]["parameters"], content["compare.json"]["parameters"]
    training = (
        "epochs",
        "batch_size",
        "learning_rate",
        "lr_schedule",
        "channels",
        "n_train",
        "n_test",
        "precision",
        "n_samples",
        "clip_x0",
        "sampling_steps",
    )
    comparing = (
        "n_samples",
        "n_final",
        "distance_every",
        "floor_repeats",
        "interval_repeats",
        "inception_weights",
        "n_test",
    )
    return {
        "profile": "fake", "seed": 0, "schedules": {"n_test": None, "image_index": 0},
        "training": {k: train[k] for k in training} | {"n_reconstruct": 1000},
        "models": {m: {"notebook": NOTEBOOK[m]} | ({"schedule": m} if m != "zoom" else {}) for m in MODELS},
        "compare": {k: compare[k] for k in comparing},
    }  # fmt: skip


def seeds(content: dict[str, dict], *others: int, change=lambda seed, content: None) -> dict[int, dict]:
    """Further seeds of a run, seed -> its records after `change`; `content` gets what compares them."""
    found = {}
    for seed in others:
        found[seed] = copy.deepcopy(content)
        for record in found[seed].values():
            record["parameters"]["seed"] = seed
        change(seed, found[seed])
    content["compare.json"]["parameters"]["seeds"] = list(others)
    every = [content, *found.values()]
    spreads = replicates.spread(
        [{m: one[f"train_{m}.json"] for m in MODELS} for one in every],
        *([one["compare.json"][key] for one in every] for key in ("curves", "final")),
    )
    content["compare.json"]["over_seeds"] = {"seeds": [0, *others], "models": spreads}
    return found


def write_seeds(out: Path, content: dict[str, dict], found: dict[int, dict]) -> Path:
    """Write a run of several seeds; returns the path of its profile file."""
    path = write(out, content)
    (out / "figures" / "seeds.svg").write_text(_svg("seeds"))
    for seed, records_of_seed in found.items():
        (out / "seeds" / str(seed) / "metrics").mkdir(parents=True)
        for name, obj in records_of_seed.items():
            (out / "seeds" / str(seed) / "metrics" / name).write_text(json.dumps(obj))
    config = yaml.safe_load(path.read_text())
    config["seeds"] = [config.pop("seed"), *found]
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def again(
    content: dict[str, dict], model: str, seed: int, change=lambda train, compare: None
) -> dict[str, dict]:
    """A further training of one model of a run, measured by itself: its records after `change`."""
    train, compare = (copy.deepcopy(content[name]) for name in (f"train_{model}.json", "compare.json"))
    for record in (train, compare):
        record["parameters"]["seed"] = seed
    train["fingerprint"] = compare["fingerprints"][model] = f"{train['fingerprint']}again"
    train["run"] = f"runs/{model}-{train['fingerprint']}"
    train["weights"] = {"file": f"{train['run']}/weights/100.safetensors", "sha256": "0f" * 32}
    compare["models"] = compare["parameters"]["models"] = [model]
    for key in ("labels", "fingerprints", "curves", "final", "clipping", "float32"):
        compare[key] = {m: found for m, found in (compare[key] or {}).items() if m == model}
    if model != "zoom":
        compare["seed_sources"] = None
    change(train, compare)
    return {f"train_{model}.json": train, "compare.json": compare}


def write_again(out: Path, name: str, found: dict[str, dict]) -> Path:
    """Write a further training beside a run, with its figures and notebooks; returns its folder."""
    folder = out / "again" / name
    for part in ("metrics", "figures", "notebooks"):
        (folder / part).mkdir(parents=True)
    for file, record in found.items():
        (folder / "metrics" / file).write_text(json.dumps(record))
    for figure in ("fig13_fid_all", "classes_along"):
        (folder / "figures" / f"{figure}.svg").write_text(_svg(figure))
    model = name.rpartition("-")[0]
    trained = NOTEBOOK.get(model, "03_train_zoom")
    for file in (f"{trained}-{model}", "04_compare_fid"):
        nbformat.write(notebook(file), folder / "notebooks" / f"{file}.ipynb")
    return folder


def _svg(name: str) -> str:
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="270pt" viewBox="0 0 504 270">'
    box = '<rect x="40" y="15" width="450" height="220" fill="none" stroke="black" clip-path="url(#c)"/>'
    clip = '<defs><clipPath id="c"><rect width="504" height="270"/></clipPath></defs>'
    return f'{head}{clip}{box}<text x="60" y="130" font-size="20">{name}</text></svg>'


def notebook(name: str, outputs: bool = True) -> nbformat.NotebookNode:
    """An executed notebook: mathematics, hidden cells, a figure, a table, outputs that want the network."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell(
            f"# {name}\n\nHere $\\bar\\alpha_t=\\prod_i(1-\\beta_i)$ and\n\n$$x_t = \\sqrt{{a}}x$$\n"
        ),
        v4.new_code_cell("epochs: int = 1  # passes", metadata={"tags": ["parameters"]}),
        v4.new_code_cell("secret_helper()", metadata={"tags": ["hide-cell"]}),
        v4.new_code_cell("hidden_input()", metadata={"tags": ["hide-input"]}),
        v4.new_code_cell("noisy()", metadata={"tags": ["remove-output"]}),
        v4.new_code_cell("table"),
    ]
    if outputs:
        cells[3].outputs = [v4.new_output("stream", text="shown output")]
        cells[4].outputs = [v4.new_output("stream", text="noise noise")]
        html = '<table><tr><td>1</td></tr></table><script src="https://cdn.example.org/x.js"></script>'
        html += '<img src="http://example.org/a.png" onerror="alert(1)">'
        cells[5].outputs = [
            v4.new_output("display_data", {"text/html": html, "text/plain": "table"}),
            v4.new_output("display_data", {"application/javascript": "alert(2)", "text/plain": "js"}),
            v4.new_output("display_data", {"text/latex": "$\\sqrt{2}$", "text/plain": "root"}),
            v4.new_output("display_data", {"image/svg+xml": _svg(name), "text/plain": "figure"}),
        ]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell{i}"
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def write(out: Path, content: dict[str, dict] | None = None) -> Path:
    """Write a run folder under ``out`` and return the path of its profile file."""
    content = records() if content is None else content
    for sub in ("metrics", "figures", "notebooks"):
        (out / sub).mkdir(parents=True, exist_ok=True)
    for name, obj in content.items():
        (out / "metrics" / name).write_text(json.dumps(obj))
    for name in PLOTS:
        (out / "figures" / f"{name}.svg").write_text(_svg(name))
    for name in PICTURES:
        image = Image.new("L", (600, 220), 255)
        ImageDraw.Draw(image).text((20, 90), name, fill=0)
        image.save(out / "figures" / f"{name}.png", dpi=(200, 200))
    for name in ("01_schedules", "02_train_ddpm-linear", "04_compare_fid"):
        nbformat.write(notebook(name), out / "notebooks" / f"{name}.ipynb")
    path = out / "fake.yaml"
    path.write_text(yaml.safe_dump(profile(records() | content), sort_keys=False))
    return path
