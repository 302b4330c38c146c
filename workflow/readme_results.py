"""Write the results of a release into README.md, and draw its pictures in docs/images.

    python -m workflow.readme_results [released/paper]

Everything between `<!-- released: NAME -->` and `<!-- /released -->` comes from here.
"""

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torchvision.utils import make_grid

import diffusion as d
from diffusion import data
from diffusion.figures import images
from diffusion.figures.style import save
from diffusion.files import write_bytes
from diffusion.processes.zoom import enlarge
from report import beyond, guards, values
from report.build import PROFILES
from report.sources import plain
from report.text_format import Markdown
from report.verdicts.judge import FAILS, Verdict, ledger
from study import records
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
    "Cold Zoom, U-Net": ("beyond", "zoom_unet_noise-0"),
}
UNFOLDED, ENLARGED, GREYS = 6, 4, 24  # samples of the moving picture, its pixels for one, and its greys
PUNCTUATION = re.compile(r"\\([^\w\s])")  # escaped for pandoc


def block(name: str, results: Results) -> str:
    """A block of the README, report/readme/NAME.md filled in as the paper's text is.

    Raises:
        ValueError: the records do not support a sentence; it is to be rewritten.
    """
    profile = read_profile(results.out.name, PROFILES)
    results = beyond.with_others(results, profile)
    found = ledger(results)
    known = values.build(results, profile, found)
    source = ROOT / "report" / "readme" / f"{name}.md"
    text = guards.Text(known | {"failing": failing(found)}, complete=True)
    text = text.markdown(source.read_text(encoding="utf-8"), source.name)
    return PUNCTUATION.sub(r"\1", plain(text).replace("\N{NO-BREAK SPACE}", " "))


def failing(found: Mapping[str, Verdict]) -> Markdown:
    """The claims that do not hold, each with the study's section."""
    ones = [one.claim for one in found.values() if one.verdict == FAILS]
    return Markdown(", ".join(f"“{one.short}” ({one.section.partition(',')[0]})" for one in ones))


def strip(results: Results) -> Figure:
    """A digit at rising zoom levels, above unpicked samples of the study's models and of two beyond it."""
    rows = {"zoom level 0 to 24": results.kept("zoom")[::2]}
    for label, (profile, training) in ROWS.items():
        kept = records.read_kept(ROOT / "released" / profile, f"samples_{training}")
        rows[label] = kept[: len(rows["zoom level 0 to 24"])]
    return images.rows(rows)


def unfolding() -> bytes:
    """A GIF: the sixteen pixels of a few starts appear, then unfold to digits. The first samples, not picked.

    The model is the cold one that draws most digits: the study's blocks, dilated, with a joint start.
    """
    way = {"prior": d.Mixture(), "sampler": d.Naive()}
    walk = d.released("beyond", "zoom_dilated").trajectory(UNFOLDED, **way)  # t -> (n, 1, 28, 28)
    latents = [walk[t] for t in sorted(walk, reverse=True)]
    painted = []
    for count in range(16):
        shown = torch.full((16,), -0.5)
        shown[: count + 1] = 1
        mask = enlarge(shown.view(1, 1, 4, 4), 28)
        painted.append(torch.where(mask > 0, latents[0], -0.35))  # what is not painted yet is dark grey
    frames = []
    for x in [*painted, *latents]:
        grey = data.grey_values(x).repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3)
        frames.append(Image.fromarray(make_grid(grey, UNFOLDED, 8, pad_value=255)[0].numpy()).quantize(GREYS))
    times = [60] * len(painted) + [500] + [90] * (len(latents) - 2) + [2500]  # ms
    buffer = io.BytesIO()
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return buffer.getvalue()


def filled(readme: str, results: Results) -> str:
    """The README with its blocks written anew."""
    return BLOCK.sub(lambda found: found[1] + block(found[2], results) + found[3], readme)


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "released" / "paper")
    results = records.load_results(out)
    readme = filled((ROOT / "README.md").read_text(encoding="utf-8"), results)
    save(strip(results), ROOT / IMAGES / "strip.png")
    write_bytes(ROOT / IMAGES / "unfold.gif", unfolding())
    write_bytes(ROOT / "README.md", readme.encode())
    print(f"README.md and {IMAGES} show the results of {out}")


if __name__ == "__main__":
    main()
