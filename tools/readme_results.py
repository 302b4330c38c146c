"""Write the results of a release into README.md, and draw its two pictures in docs/images.

    python -m tools.readme_results [released/paper]

Everything between `<!-- released: NAME -->` and `<!-- /released -->` comes from here.
"""

import re
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from diffusion import figures, records
from diffusion.records import Results
from diffusion.runtime import write_bytes
from report import beyond, verdicts

ROOT = Path(__file__).resolve().parents[1]
IMAGES = "docs/images"
BLOCK = re.compile(r"(<!-- released: (\w+) -->\n).*?(<!-- /released -->)", re.DOTALL)
STUDY = {"linear": "DDPM, linear", "cosine": "DDPM, cosine", "zoom": "Cold Zoom"}
EARLY = 20  # epochs after which the schedules are compared, beside the end


def findings(results: Results) -> str:
    """Four findings with their numbers.

    Raises:
        ValueError: the records no longer say so; the sentence is to be rewritten.
    """
    table, last = results.table(), max(line.epochs for line in _trainings(results))
    fid = table.groupby(["model", "epoch"]).fid.mean()
    late = table[table.epoch >= 0.8 * last].groupby("model").fid
    early = {model: fid[model, EARLY] for model in ("linear", "cosine")}
    ends = late.mean()
    zoom = table[(table.model == "zoom") & (table.epoch >= 0.3 * last)]
    swing = zoom.groupby("seed").apply(lambda one: one.fid.corr(one.divergence), include_groups=False)
    _supported(early["cosine"] < 0.75 * early["linear"], "the cosine schedule is closer early")
    _supported(abs(ends["cosine"] - ends["linear"]) < 0.1 * ends["linear"], "the schedules end level")
    _supported(swing.min() > 0.8, "the zoom's distance follows its mix of classes")
    ddpms, zooms = (_analyses(results, models) for models in (("linear", "cosine"), ("zoom",)))
    digits = [[one.drawn[0].digit.share for one in found] for found in (ddpms, zooms)]
    mended = [[one.mix.reweighted.fid for one in found] for found in (ddpms, zooms)]
    calls = [{one.drawn[0].calls for one in found}.pop() for found in (ddpms, zooms)]
    _supported(min(digits[1]) > 1.5 * max(digits[0]), "the zoom draws more digits")
    _supported(max(mended[1]) < min(mended[0]), "the zoom is closer once the classes are weighted")
    low, high = late.min()["zoom"], late.max()["zoom"]
    further = beyond.load("beyond")
    told, rows = beyond.findings(further, results), beyond.said(further)
    _supported(
        told["unet_ddpm_closer"] and told["unet_ddim_closest"], "a U-Net brings the linear DDPM closer"
    )
    _supported(told["zoom_wins_at_equal_cost"], "a zoom model with noise is the better one at equal cost")
    unet, cheap, robust = (rows[name] for name in ("ddpm_unet", "ddpm_ddim", "zoom_best"))
    return (
        f"- The cosine schedule is ahead early and level at the end: after {EARLY} epochs its Fréchet "
        f"distance is {early['cosine']:.0f} against {early['linear']:.0f}, over the last fifth of training "
        f"{ends['cosine']:.1f} against {ends['linear']:.1f}.\n"
        f"- The distances of the zoom model's two trainings swing between {low:.0f} and {high:.0f} over the "
        f"last fifth, in step with the mix of digits that it draws (r = {swing.min():.2f}): one checkpoint "
        f"does not rank it.\n"
        f"- With {calls[1]} network calls {_range(digits[1])} of its samples are digits; of the DDPMs' with "
        f"{calls[0]} calls, {_range(digits[0])}. With the classes weighted as in the data its distance is "
        f"{_of(mended[1])}, theirs {_of(mended[0])}.\n"
        f"- The network limits the DDPMs: with a U-Net of as many parameters and a learning rate that "
        f"decays, {unet.epochs} epochs bring the linear one to a distance of {unet.distance.mean:.1f}, with "
        f"{cheap.calls} calls of DDIM to {cheap.distance.mean:.1f}; the study's ends at "
        f"{results.first('linear').measure.final.digits.fid:.1f}, with {calls[0]} calls.\n"
        f"- A zoom model with that U-Net, trained on noisy latents and sampled with noise that falls along "
        f"the walk, has a distance of {robust.distance.mean:.1f} with {robust.calls} calls, draws "
        f"{robust.digit:.0%} digits and covers {robust.coverage:.0%} of the data; that DDPM with as many "
        f"calls draws {cheap.digit:.0%} and covers {cheap.coverage:.0%}.\n"
    )


def table(results: Results) -> str:
    """One row a training, one for real images, and the tally of the verdicts."""
    first = results.first("linear").measure
    floors = first.final.floor["digits"], first.floor["digits"]
    lines = [
        f"| model, seed | test loss | Fréchet distance, last epoch, n = {first.final.n:,} | last fifth of "
        f"training: mean (range), n = {first.settings['n_samples']} | digits | coverage |",
        "|---|---|---|---|---|---|",
    ]
    for one in results.trainings.values():
        final, late = one.measure.final, [row.digits.fid for row in one.measure.late()]
        cells = [
            f"{STUDY.get(one.model, one.model)}, {one.seed}",
            f"{one.train.history[-1].test_loss:.4f}",
            f"{final.digits.fid:.1f} [{final.digits.low:.1f}, {final.digits.high:.1f}]",
            f"{np.mean(late):.1f} ({min(late):.1f} to {max(late):.1f})",
            f"{one.analysis.drawn[0].digit.share:.0%}",
            f"{final.variety.coverage:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    yardstick = results.yardstick
    used = next(one for one in yardstick.candidates if one.name == yardstick.used)
    cells = [f"{floor.fid_mean:.2f}" for floor in floors]
    cells += [f"{used.accepted['unchanged']:.0%}", f"{first.real.variety.coverage:.2f}"]
    lines.append(f"| real images |  | {' | '.join(cells)} |")
    lines += [
        "",
        "Distances are in the features of a digit classifier, with 95% intervals; "
        "test losses of different processes are on different scales.",
        "A digit is what a recogniser accepts that was calibrated on distorted real digits.",
        "",
        claims(results),
    ]
    return "\n".join(lines) + "\n"


def claims(results: Results) -> str:
    """The tally of the ledger, and the claims that do not hold."""
    found = verdicts.ledger(results)
    failing = [one for one in found.values() if one.verdict == verdicts.FAILS]
    tally = f"Of {len(found)} claims of the study {verdicts.tally(found)}.".replace("\N{NO-BREAK SPACE}", " ")
    lines = [tally, "These do not hold:", "", *map(_line, failing)]
    return "\n".join(lines)


def _line(verdict: verdicts.Verdict) -> str:
    """A claim by its short name, where that stands alone, with the number that decides."""
    claim, effect = verdict.claim, verdict.effect
    name = claim.text.rstrip(".") if claim.short.startswith("…") else claim.short
    shown = str(effect.shown()).replace("\N{NO-BREAK SPACE}", " ")
    return f"- {name} ({claim.section}); {effect.name}: {shown}"


def strip(results: Results) -> Figure:
    """A digit at rising zoom levels, above unpicked samples of the study's models and of two beyond it."""
    zoom, columns = results.kept("zoom"), 13
    rows = {"zoom level 0 to 24": zoom[:: (len(zoom) - 1) // (columns - 1)][:columns]}
    for model, label in STUDY.items():
        rows[label] = results.kept(f"samples_{model}-{results.seeds(model)[0]}")[:columns]
    further = beyond.load("beyond")
    for label, name in {"DDPM, linear, U-Net": "ddpm_unet", "Cold Zoom, U-Net": "zoom_best"}.items():
        row = beyond.said(further)[name]
        rows[label] = further.kept(f"samples_{row.model}-{row.seeds[0]}")[:columns]
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
    texts = {"findings": findings(results), "results": table(results)}
    return BLOCK.sub(lambda found: found[1] + texts[found[2]] + found[3], readme)


def _trainings(results: Results) -> list[records.TrainRecord]:
    return [one.train for one in results.trainings.values()]


def _analyses(results: Results, models: tuple[str, ...]) -> list[records.AnalyseRecord]:
    return [one.analysis for one in results.trainings.values() if one.model in models and one.analysis]


def _range(shares: list[float]) -> str:
    return f"{min(shares):.0%} to {max(shares):.0%}"


def _of(distances: list[float]) -> str:
    return f"{min(distances):.1f} to {max(distances):.1f}"


def _supported(condition: bool, finding: str) -> None:
    if not condition:
        raise ValueError(f"the records do not say that {finding}; rewrite that sentence of README.md")


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "released" / "paper")
    results = records.load_results(out)
    readme = filled((ROOT / "README.md").read_text(encoding="utf-8"), results)
    figures.save(strip(results), ROOT / IMAGES / "strip.png")
    figures.save(figures.FIGURES["fig13_fid_all.svg"](results), ROOT / IMAGES / "distances.svg")
    write_bytes(ROOT / "README.md", readme.encode())
    print(f"README.md and {IMAGES} show the results of {out}")


if __name__ == "__main__":
    main()
