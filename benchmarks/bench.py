"""Compare the speed of this project with textbook code (`baseline.py`).

    python -m benchmarks.bench [--quick] [step] [zoom] [sampling]

The two programs take turns (A B A B ...), so a slow phase of the machine affects both equally. A ratio is the
median of the ratios of all rounds, with its quartiles. Writes build/bench/table.md.
"""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

import diffusion as d
from benchmarks import baseline
from diffusion import runtime
from diffusion.arguments import nearest
from diffusion.files import write_bytes
from diffusion.processes.zoom import zoom
from diffusion.training.sampling import walk
from report.results.environment import environment

OUT = Path(__file__).resolve().parents[1] / "build" / "bench"
# Rounds; training steps in a round, and images in a step; samples, their steps, and steps in a round.
FULL = {"rounds": 5, "steps": 20, "batch": 128, "samples": 500, "T": 250, "segment": 25}
QUICK = {"rounds": 2, "steps": 2, "batch": 16, "samples": 16, "T": 6, "segment": 2}
Row = tuple[str, np.ndarray, np.ndarray, str]  # name, seconds of textbook and of ours by round, remark


def in_turns(textbook: Callable, ours: Callable, rounds: int, units: float = 1) -> np.ndarray:
    """Seconds per unit of work for both, (2, rounds); a first round is not counted.

    Args:
        textbook, ours: work of a round.
        rounds: number of rounds.
        units: units of work in a round. Default 1.
    """

    def seconds(work: Callable) -> float:
        begun = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return (time.perf_counter() - begun) / units

    times = [[seconds(work) for work in (textbook, ours)] for _ in range(rounds + 1)]
    return np.transpose(times[1:])


def step(precision: str, rounds: int, steps: int, batch: int, **_: int) -> Iterator[Row]:
    """A training step with its batch: `d.fit` against the textbook loop with a DataLoader."""
    x, linear = d.load("mnist", n=steps * batch)[0], d.linear()
    losses = {"DDPM": baseline.ddpm_loss(linear.alpha_bar), "zoom": baseline.zoom_loss}
    for name, process in {"DDPM": d.DDPM(linear), "zoom": d.ColdZoom()}.items():
        batches = DataLoader(baseline.dataset(len(x)), batch, shuffle=True)
        network = d.Reconstructor().to(runtime.device())
        theirs = baseline.training_steps(losses[name], process.T, network, batches)
        seconds = in_turns(
            lambda theirs=theirs: [next(theirs) for _ in range(steps)],
            lambda process=process: d.fit(process, x, steps=steps, batch_size=batch),
            rounds,
            steps,
        )
        yield f"training step, {name}, batch {batch}", *seconds, f"ours in {precision}"


def operator(precision: str, rounds: int, batch: int, **_: int) -> Iterator[Row]:
    """Zoom a batch with a different level per image: one gather against one `resized_crop` per image."""
    x = d.load("mnist", n=batch)[0].to(runtime.device())
    t = torch.arange(len(x), device=x.device) % 24 + 1  # (B,)
    same = torch.equal(baseline.zoom(x, t), zoom(x, t))
    seconds = in_turns(lambda: baseline.zoom(x, t), lambda: zoom(x, t), 30 * rounds)
    remark = "the same images to the bit" if same else "DIFFERENT images"
    yield f"zoom operator, batch {batch}, a different level each", *seconds, remark


def sampling(precision: str, samples: int, T: int, segment: int, **_: int) -> Iterator[Row]:
    """Sampling with the released linear DDPM; the two take turns every few steps."""
    process, device = d.DDPM(d.linear(T)), runtime.device()
    network = d.released("paper/linear-0").network().to(device).eval()
    noise = torch.Generator(device).manual_seed(0)
    theirs = baseline.sampling_steps(network, samples, process.schedule.beta, noise)
    ours = walk(network, process, d.Ancestral(), None, samples, 0, precision)
    textbook, own = (lambda steps=steps: [next(steps) for _ in range(segment)] for steps in (theirs, ours))
    seconds = in_turns(textbook, own, T // segment - 1, segment / T)
    yield f"sampling {samples} DDPM images, {T} steps", *seconds, f"ours in {precision}"


MEASURES = {"step": step, "zoom": operator, "sampling": sampling}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks, and print and write the table."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"any of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, with meaningless times")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    for name in options.what:
        if name not in MEASURES:
            hint = nearest(name, MEASURES) or f"; allowed: {', '.join(MEASURES)}"
            raise SystemExit(f"error: no benchmark is named {name!r}{hint}")
    precision = runtime.resolve_precision("auto", runtime.device())
    lines = ["| what | textbook | ours | times faster | remark |", "|---|---|---|---|---|"]
    for name in options.what or MEASURES:
        for what, textbook, ours, remark in MEASURES[name](precision, **(QUICK if options.quick else FULL)):
            low, ratio, high = np.quantile(textbook / ours, [0.25, 0.5, 0.75])
            times = " | ".join(f"{1e3 * np.median(seconds):.3g} ms" for seconds in (textbook, ours))
            lines.append(f"| {what} | {times} | {ratio:.3g} ({low:.3g} to {high:.3g}) | {remark} |")
    machine = "{device_name}, {cores} cores, torch {torch}, Python {python}, commit {commit}"
    machine = machine.format(**environment(precision, runtime.device()))
    lines += ["", f"Medians, with quartiles of the ratio in brackets. {machine}.", ""]
    print("\n".join([*lines, str(write_bytes(options.out / "table.md", "\n".join(lines).encode()))]))


if __name__ == "__main__":
    main()
