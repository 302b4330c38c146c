"""Write the results of a release into README.md, and draw its two pictures in docs/images.

    python -m workflow.readme_results [released/paper]

Everything between `<!-- released: NAME -->` and `<!-- /released -->` comes from here.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from diffusion.figures.style import save
from diffusion.files import write_bytes
from report import beyond, guards, values
from report.build import PROFILES
from report.text_format import Markdown
from report.verdicts.judge import FAILS, Verdict, ledger
from study import figures, records
from study.records import Results
from study.settings import read_profile

ROOT = Path(__file__).resolve().parents[1]
IMAGES = "docs/images"
BLOCK = re.compile(r"(<!-- released: (\w+) -->\n).*?(<!-- /released -->)", re.DOTALL)
ROWS = {  # of the picture: label -> profile, training
    "DDPM, linear": ("paper", "linear-0"),
    "DDPM, cosine": ("paper", "cosine-0"),
    "Cold Zoom": ("paper", "zoom-0"),
    "DDPM, linear, U-Net": ("beyond", "linear_unet-0"),
    "Cold Zoom, U-Net": ("beyond", "zoom_unet_falling-0"),
}
PUNCTUATION = re.compile(r"\\([^\w\s])")  # escaped for pandoc


def block(name: str, results: Results) -> str:
    """A block of the README, report/readme/NAME.md filled in as the paper's text is.

    Raises:
        ValueError: the records do not support a sentence; it is to be rewritten.
    """
    profile = read_profile(results.out.name, PROFILES)
    found = ledger(results, beyond.load(str(profile.options.get("beyond", ""))))
    known = values.build(results, profile, found)
    source = ROOT / "report" / "readme" / f"{name}.md"
    text = guards.Text(known | {"failing": failing(found)}, complete=True)
    text = text.markdown(source.read_text(encoding="utf-8"), source.name)
    return PUNCTUATION.sub(r"\1", text.replace("\N{NO-BREAK SPACE}", " "))


def failing(found: Mapping[str, Verdict]) -> Markdown:
    """The claims that do not hold, with what decides."""
    ones = [one for one in found.values() if one.verdict == FAILS]
    return Markdown(
        "\n".join(
            f"- {one.claim.short} ({one.claim.section}); {one.decides[0].name}: {one.decides[0].shown()}"
            for one in ones
        )
    )


def strip(results: Results) -> Figure:
    """A digit at rising zoom levels, above unpicked samples of the study's models and of two beyond it."""
    rows = {"zoom level 0 to 24": results.kept("zoom")[::2]}
    for label, (profile, training) in ROWS.items():
        kept = records.load_results(ROOT / "released" / profile).kept(f"samples_{training}")
        rows[label] = kept[: len(rows["zoom level 0 to 24"])]
    figure = Figure(figsize=(10, 4.3), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, hspace=0)
    for axes, (label, images) in zip(figure.subplots(len(rows)), rows.items(), strict=True):
        gap = np.full((28, 2), 255, np.uint8)
        axes.imshow(np.hstack([part for image in images for part in (image, gap)][:-1]), "gray", vmin=0)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=11)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def filled(readme: str, results: Results) -> str:
    """The README with its blocks written anew."""
    return BLOCK.sub(lambda found: found[1] + block(found[2], results) + found[3], readme)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "released" / "paper")
    results = records.load_results(out)
    readme = filled((ROOT / "README.md").read_text(encoding="utf-8"), results)
    save(strip(results), ROOT / IMAGES / "strip.png")
    save(figures.distances(results), ROOT / IMAGES / "distances.svg")
    write_bytes(ROOT / "README.md", readme.encode())
    print(f"README.md and {IMAGES} show the results of {out}")


if __name__ == "__main__":
    main()
