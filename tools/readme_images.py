"""Make the README's pictures from the results of a run.

python tools/readme_images.py build/quick
"""

import sys
from pathlib import Path

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from diffusion import figures  # noqa: E402
from diffusion.files import read_json  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def trimmed(path: Path) -> np.ndarray:
    """A picture without its white margin, (H, W, 3)."""
    picture = matplotlib.image.imread(path)[..., :3]
    ink = (picture < 0.99).any(2)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def side_by_side(pictures: dict[str, np.ndarray]) -> Figure:
    """Pictures in one row under their titles."""
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(1, len(pictures)), pictures.items(), strict=True):
        axes.imshow(picture)
        axes.set_title(title, fontsize=11)
        axes.axis("off")
    return figure


def main() -> None:
    out = Path(sys.argv[1])
    grids = {}
    for model in ("linear", "cosine", "zoom"):
        label = read_json(out / "metrics" / f"train_{model}.json")["label"]
        grids[label] = trimmed(out / "figures" / f"samples_{model}.png")
    figures.save(side_by_side(grids), IMAGES / "samples.png")
    matplotlib.image.imsave(IMAGES / "zoom.png", trimmed(out / "figures" / "fig07_zoom.png"))
    print(f"written: {IMAGES / 'samples.png'}, {IMAGES / 'zoom.png'}")


if __name__ == "__main__":
    main()
