"""Put the results of a run into the README: pictures, final distances and the claims' verdicts.

    python tools/readme_results.py released/paper

Replaces what stands between the two marks in README.md, and the pictures in docs/images.
"""

import sys
from pathlib import Path

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import figures  # noqa: E402
from diffusion.files import write_bytes  # noqa: E402
from report import claims, phrases, results, study, trainings  # noqa: E402
from report.final_epochs import LAST, known, over_checkpoints  # noqa: E402
from report.measures import distance  # noqa: E402
from report.text import FIXED, num, percent, span, spread  # noqa: E402

IMAGES = Path("docs/images")
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
CURVES = {"losses": "fig03_ddpm_losses.svg", "distances": "fig13_fid_all.svg"}


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


def pictures(out: Path, run: results.Results, root: Path = ROOT) -> None:
    """Draw or copy the README's pictures from a run's figures."""
    grids = {run.train[m]["label"]: trimmed(out / "figures" / f"samples_{m}.png") for m in results.REQUIRED}
    figures.save(side_by_side(grids), root / IMAGES / "samples.png")
    matplotlib.image.imsave(root / IMAGES / "zoom.png", trimmed(out / "figures" / "fig07_zoom.png"))
    for name, file in CURVES.items():
        write_bytes(root / IMAGES / f"{name}.svg", (out / "figures" / file).read_bytes())


def block(run: results.Results, name: str) -> str:
    """The README's section of results, as Markdown: every number from the records of the release `name`."""
    epochs = {t["epochs"] for t in run.train.values()}
    verdicts = claims.ledger(run)
    fails = [v.claim for v in verdicts.values() if v.fails]
    by_seed = trainings.zoom_by_seed(run)
    where = f"[`released/{name}`](released/{name})"
    lines = [
        f"Below are the results of the `{name}` profile, released in {where}.",
        f"`make report PROFILE={name}` makes the whole report from them, `make retrain PROFILE={name}` the "
        "results themselves anew.",
    ]
    for one in run.again:
        command = f"make again PROFILE={name} MODEL={one.model} SEED={one.seed}"
        lines.append(f"`{command}` trains the {one.model} model once more.")
    if differs := study.deviations(run):
        lines.append(f"They depart from the study in their scale: {differs}.")
    lines += [
        "",
        f"Samples of the models after {' or '.join(map(str, sorted(epochs)))} epochs, "
        "the first 64 of each, not picked:",
        "",
        f"![Samples of the linear DDPM, the cosine DDPM and Cold Zoom]({IMAGES}/samples.png)",
        "",
        f"![Training and test loss of the DDPMs over epochs]({IMAGES}/losses.svg)",
        "",
        f"![Fréchet distance of all models over epochs]({IMAGES}/distances.svg)",
        "",
        *_table(run),
        "",
        *([f"By the last epoch's samples alone the zoom model would be {by_seed}.", ""] if by_seed else []),
        f"Of {len(verdicts)} claims of the study {phrases.tally(verdicts)}."
        + (" These do not hold in this run:\n" if fails else ""),
        *(f"- {claim.text} ({claim.section})" for claim in fails),
        "",
        f"<details><summary>All {len(verdicts)} claims, with their verdicts</summary>",
        "",
        "| claim | where | verdict |",
        "|---|---|---|",
    ]
    for v in verdicts.values():
        verdict = ", ".join(filter(None, (v.verdict, v.note, v.seeds)))
        lines.append(f"| {v.claim.text} | {v.claim.section} | {verdict} |")
    lines += ["", "</details>"]
    return "\n".join(lines).replace(FIXED, " ") + "\n"


def _table(run: results.Results) -> list[str]:
    """Each model's samples: the distance after the last epoch, and its mean over the final ones if known."""
    n, late, real = next(iter(run.final.values()))["n"], known(run), run.compare["real"]
    columns = ["model", "test loss, each on a scale of its own"]
    columns += [f"Fréchet distance in digit features, last epoch, n = {n}"]
    columns += [f"mean over {LAST}, n = {run.compare['n_samples']}"] * late
    rows = [[*columns, "not recognised", "coverage"], ["---"] * (len(columns) + 2)]
    measure = distance("digits")
    trained = [(run.train[model]["label"], run, model) for model in run.final]
    trained += [(f"{one.train['label']}, again (seed {one.seed})", one.run, one.model) for one in run.again]
    for label, one, model in trained:
        final = one.final[model]
        found = [measure(final)] + [over_checkpoints(one, model, measure)] * late
        shown = [span(d["value"], d["low"], d["high"]) if d else "" for d in found]
        rows.append([label, num(one.train[model]["history"][-1]["test_loss"]), *shown])
        rows[-1] += [percent(final["not_digit"]["share"], 1), num(final["variety"]["coverage"], 2)]
    floors = [next(iter(run.final.values()))["floor"]["digits"]] + [run.compare["floor"]["digits"]] * late
    rows.append(["real images", "", *(spread(floor["fid_mean"], floor["fid_sd"]) for floor in floors)])
    rows[-1] += [percent(real["not_digit"]["share"], 1), num(real["variety"]["coverage"], 2)]
    return [f"| {' | '.join(row)} |" for row in rows]


def replaced(readme: str, text: str) -> str:
    """The README with the text between its marks.

    Raises:
        ValueError: the marks are missing, doubled or in the wrong order.
    """
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"README.md needs one {BEGIN} and, after it, one {END}")
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n{text}{END}{rest.split(END)[1]}"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    try:
        run = results.load(out)
        text = block(run, out.resolve().name)
        readme = replaced((ROOT / "README.md").read_text(encoding="utf-8"), text)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    pictures(out, run)
    write_bytes(ROOT / "README.md", readme.encode())
    print(f"README.md and {IMAGES} show the results of {out}")


if __name__ == "__main__":
    main()
