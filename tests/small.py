"""Write small copies of our profiles, whose jobs make every record in minutes.

    .venv/bin/python tests/small.py paper beyond starts equal     # writes build/small/NAME.yaml
    make retrain PROFILE=build/small/paper.yaml CORES=1           # makes build/small-paper

Each model keeps its first seed, its network and its variants; epochs, images, steps and samples are few.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from report import places

FEW = {  # at any depth of a profile
    **dict.fromkeys(
        ("n_train", "n_real"), 2000
    ),  # with fewer, the classifier reads too badly to measure with
    **dict.fromkeys(("n_test", "n_reconstruct"), 300),
    **dict.fromkeys(
        ("n", "n_keep", "n_checkpoint", "n_final", "n_distance", "n_probe", "n_per_distortion"), 100
    ),
    **dict.fromkeys(("epochs", "distance_every"), 1),
    **dict.fromkeys(("draws", "average"), 2),
    "floor_repeats": 20,
    "interval_repeats": 5,
    "calls": 4,
    "steps": 4,
    "batch_size": 16,
    "components": 4,
    "seeds": [0],
}
ADDED = {  # sizes whose defaults are large
    "training": {"n_keep": 100},
    "measure": {"n_test": 300, "n_real": 2000, "n_per_distortion": 100},
}


def shrink(content: Any) -> Any:
    """Replace sizes at any depth by `FEW`; a smaller number and a sampler's default number of steps stay."""
    if not isinstance(content, dict):
        return content
    small = {}
    for name, value in content.items():
        known = FEW.get(name)
        smaller = isinstance(value, int) and isinstance(known, int) and value < known
        small[name] = shrink(value) if known is None or smaller else known
    return small


def write_small(name: str) -> Path:
    """Write the small copy of a profile, and return its path."""
    content = yaml.safe_load(places.profiles()[name].read_text("utf-8"))
    seeds = {model: (entry.get("seeds") or [0])[:1] for model, entry in content["models"].items()}
    small = shrink(content) | {"profile": f"small-{name}"}
    for model, entry in small["models"].items():
        entry["seeds"] = seeds[model]
        if entry["notebook"] == "02_train_ddpm":
            entry.setdefault("sampler_options", {"steps": 4})
    for section, sizes in ADDED.items():
        small[section] = sizes | small[section]
    small["report"] = {}  # a report about any models; the paper's needs all releases
    path = places.ROOT / "build" / "small" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(small, sort_keys=False), encoding="utf-8")
    return path


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(write_small(name))
