"""The examples of docs/extending.md, as they stand there: their code as a module, their YAML as a profile."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(kind: str, page: str = "docs/extending.md") -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    return [code for language, code in FENCE.findall(text) if language == kind]


def module() -> str:
    return "\n\n".join(blocks("python"))


def profile(name: str, data_too: bool = False) -> dict[str, Any]:
    """The smoke profile with all models of the examples; their data set where it is asked for."""
    found = yaml.safe_load((ROOT / "profiles" / "smoke.yaml").read_text()) | {"profile": name}
    for one in map(yaml.safe_load, blocks("yaml")):
        if "dataset" in one and data_too:
            found |= one
        for model, entry in one.get("models", {}).items():
            known = found["models"].setdefault(model, {})
            ways = known.get("ways", {}) | entry.get("ways", {})
            if "sampler" in entry:
                known.pop("sampler_options", None)  # of the other sampler
            known |= entry | ({"ways": ways} if ways else {})
            if entry["notebook"] == "02_train_ddpm" and "sampler" not in entry:
                known["sampler_options"] = {"steps": 10}  # as the profile's own
    return found
