"""Speed of this project against the textbook's code (`baseline.py`): `make bench`, or

    python -m benchmarks.bench [--quick] [step] [zoom] [sampling]

Candidates take turns (A B A B ...), so that whatever slows the machine slows them alike. A ratio is the
median over rounds of the quotient within a round, its spread the quartiles. Writes build/bench/table.md.
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
from diffusion.bounds import nearest
from diffusion.files import write_bytes
from diffusion.processes.zoom import zoom
from diffusion.training.sampling import Sampling
from report.results.environment import environment

OUT = Path(__file__).resolve().parents[1] / "build" / "bench"
# Timed rounds; training steps in each, of how many images; samples, their steps, and how many in each round.
FULL = {"rounds": 5, "steps": 20, "batch": 128, "samples": 500, "T": 250, "segment": 25}
QUICK = {"rounds": 2, "steps": 2, "batch": 16, "samples": 16, "T": 6, "segment": 2}
Row = tuple[str, np.ndarray, np.ndarray, str]  # what, seconds of the textbook and ours by round, a remark


def in_turns(textbook: Callable, ours: Callable, rounds: int, units: float = 1) -> np.ndarray:
    """Seconds a unit of work, (2, rounds): of both; one more round, before these, is thrown away."""

    def seconds(work: Callable) -> float:
        begun = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return (time.perf_counter() - begun) / units

    times = [[seconds(work) for work in (textbook, ours)] for _ in range(rounds + 1)]
    return np.transpose(times[1:])


def step(precision: str, rounds: int, steps: int, batch: int, **_: int) -> Iterator[Row]:
    """A training step with its batch: `d.fit` against the textbook's loop and DataLoader."""
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
    """The zoom of a batch, a different level for each image: one gather against a `resized_crop` an image."""
    x = d.load("mnist", n=batch)[0].to(runtime.device())
    t = torch.arange(len(x), device=x.device) % 24 + 1  # (B,)
    same = torch.equal(baseline.zoom(x, t), zoom(x, t))
    seconds = in_turns(lambda: baseline.zoom(x, t), lambda: zoom(x, t), 30 * rounds)
    remark = "the same images to the bit" if same else "DIFFERENT images"
    yield f"zoom operator, batch {batch}, a different level each", *seconds, remark


def sampling(precision: str, samples: int, T: int, segment: int, **_: int) -> Iterator[Row]:
    """A whole walk of the released linear DDPM on either side, the two taking turns every few steps."""
    process, device = d.DDPM(d.linear(T)), runtime.device()
    network = d.released("paper", "linear").network().to(device).eval()
    noise = torch.Generator(device).manual_seed(0)
    theirs = baseline.sampling_steps(network, samples, process.schedule.beta, noise)
    ours = Sampling(process, network, d.Ancestral(), None, samples, 0, precision).walk()
    textbook, own = (lambda steps=steps: [next(steps) for _ in range(segment)] for steps in (theirs, ours))
    seconds = in_turns(textbook, own, T // segment - 1, segment / T)
    yield f"sampling {samples} DDPM images, {T} steps", *seconds, f"ours in {precision}"


MEASURES = {"step": step, "zoom": operator, "sampling": sampling}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"some of {', '.join(MEASURES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, whose times mean nothing")
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
    lines += ["", f"Medians; in brackets the quartiles of the ratio. {machine}.", ""]
    print("\n".join([*lines, str(write_bytes(options.out / "table.md", "\n".join(lines).encode()))]))


if __name__ == "__main__":
    main()
