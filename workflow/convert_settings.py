"""One-off: `n_samples` in the settings of released records gets its three names; manifests are sealed again.

python -m workflow.convert_settings
"""

from pathlib import Path

from diffusion.files import read_json, write_json
from workflow.release import RELEASED, seal

NEW = {"train": "n_keep", "measure": "n_checkpoint", "analyse": "n_way"}


def convert(path: Path) -> None:
    record, name = read_json(path), NEW.get(path.name.partition("_")[0])
    if name and "n_samples" in record["settings"]:
        record["settings"] = {name if k == "n_samples" else k: v for k, v in record["settings"].items()}
        write_json(path, record)


if __name__ == "__main__":
    for folder in (RELEASED / "paper", RELEASED / "beyond"):
        for path in sorted((folder / "metrics").glob("*.json")):
            convert(path)
        seal(folder, folder.name)
