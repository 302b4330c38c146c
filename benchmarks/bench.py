"""Speed of this project against the textbook's code (`baseline.py`): `make bench`, or

    python -m benchmarks.bench                  everything; minutes
    python -m benchmarks.bench step zoom        some of it
    python -m benchmarks.bench --quick          small sizes: does it run?

Candidates take turns (A B A B ...), so that whatever slows the machine slows them alike. A ratio is the
median over rounds of the quotient within a round, its spread the quartiles. Writes build/bench/table.md.
"""

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

import diffusion as d
from benchmarks import baseline
from diffusion import runtime
from diffusion.files import write_bytes
from diffusion.processes.zoom import zoom
from diffusion.provenance import environment
from diffusion.training.sampling import walk

OUT = Path(__file__).resolve().parents[1] / "build" / "bench"


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run: those of the published table, unless `--quick`."""

    rounds: int = 5  # timed rounds, in each of which every candidate has its turn
    steps: int = 20  # training steps in one round
    batch: int = 128
    samples: int = 500
    T: int = 250  # sampling steps
    segment: int = 25  # of these, between two readings of the clock


QUICK = Sizes(2, 2, 16, 16, 6, 2)


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of a unit of work, one a round, of the textbook's code and of ours."""

    what: str
    textbook: list[float]
    ours: list[float]
    remark: str


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call, with all that it queued on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def taking_turns(
    textbook: Callable[[], object], ours: Callable[[], object], rounds: int, units: float
) -> tuple[list[float], list[float]]:
    """Seconds a unit of work in each round; one more round, before these, is thrown away."""
    seconds = [(seconds_of(textbook) / units, seconds_of(ours) / units) for _ in range(rounds + 1)]
    return [a for a, _ in seconds[1:]], [b for _, b in seconds[1:]]


def step(sizes: Sizes) -> Iterator[Row]:
    """A training step with its batch: `d.fit` against the textbook's loop and DataLoader."""
    device, n = runtime.device(), sizes.steps * sizes.batch
    x, _ = d.load("mnist", n=n)
    linear, precision = d.linear(), runtime.resolve_precision("auto", device)
    losses = {
        "DDPM": (d.DDPM(linear), baseline.ddpm_loss(linear.alpha_bar, device)),
        "zoom": (d.ColdZoom(), baseline.zoom_loss),
    }
    for name, (process, loss) in losses.items():
        batches = DataLoader(baseline.dataset(n), sizes.batch, shuffle=True)
        steps = baseline.training_steps(loss, process.T, d.Reconstructor(), batches, device)

        def textbook(steps: Iterator[float] = steps) -> None:
            for _ in range(sizes.steps):
                next(steps)

        def ours(process: d.DegradationProcess = process) -> None:
            d.fit(process, x, steps=sizes.steps, batch_size=sizes.batch)

        with contextlib.redirect_stdout(io.StringIO()):
            seconds = taking_turns(textbook, ours, sizes.rounds, sizes.steps)
        yield Row(f"training step, {name}, batch {sizes.batch}", *seconds, f"ours in {precision}")


def operator(sizes: Sizes) -> Iterator[Row]:
    """The zoom of a batch, a different level for each image: one gather against a `resized_crop` an image."""
    x = d.load("mnist", n=sizes.batch)[0].to(runtime.device())
    t = torch.arange(len(x), device=x.device) % 24 + 1  # (B,)
    same = torch.equal(baseline.zoom(x, t), zoom(x, t))
    candidates = [lambda f=f: [f(x, t) for _ in range(10)] for f in (baseline.zoom, zoom)]
    seconds = taking_turns(*candidates, 3 * sizes.rounds, 10)
    remark = "the same images to the bit" if same else "DIFFERENT images"
    yield Row(f"zoom operator, batch {sizes.batch}, a different level each", *seconds, remark)


def sampling(sizes: Sizes) -> Iterator[Row]:
    """A whole walk of the released linear DDPM on either side, the two taking turns every few steps."""
    process, n, device = d.DDPM(d.linear(sizes.T)), sizes.samples, runtime.device()
    network = d.released("paper", "linear").network().to(device).eval()
    precision = runtime.resolve_precision("auto", device)
    noise = torch.Generator(device).manual_seed(0)
    textbook = baseline.sampling_steps(network, n, process.schedule.beta, noise)
    ours = walk(process, network, d.Ancestral(), None, n, 0, precision)
    candidates = [lambda w=w: [next(w) for _ in range(sizes.segment)] for w in (textbook, ours)]
    rounds = sizes.T // sizes.segment - 1
    seconds = taking_turns(*candidates, rounds, sizes.segment / sizes.T)
    yield Row(f"sampling {n} DDPM images, {sizes.T} steps", *seconds, f"ours in {precision}")


MEASURES = {"step": step, "zoom": operator, "sampling": sampling}


def table(rows: list[Row], machine: dict) -> str:
    """The rows as Markdown, with the machine that they were measured on."""
    lines = ["| what | textbook | ours | times faster | remark |", "|---|---|---|---|---|"]
    for row in rows:
        textbook, ours = np.median(row.textbook), np.median(row.ours)
        low, median, high = np.quantile(np.divide(row.textbook, row.ours), [0.25, 0.5, 0.75])
        times = f"{1e3 * textbook:.3g} ms | {1e3 * ours:.3g} ms | {median:.3g} ({low:.3g} to {high:.3g})"
        lines.append(f"| {row.what} | {times} | {row.remark} |")
    said = "{device_name}, {cores} cores, torch {torch}, Python {python}, commit {commit}".format(**machine)
    return "\n".join([*lines, "", f"Medians; in brackets the quartiles of the ratio. {said}."]) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"some of {', '.join(MEASURES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, whose times mean nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.what if name not in MEASURES]:
        parser.error(f"{unknown[0]!r} is not measured; allowed: {', '.join(MEASURES)}")
    rows = []
    for name in options.what or MEASURES:
        print(f"{name} ...", flush=True)
        rows += MEASURES[name](QUICK if options.quick else Sizes())
    device = runtime.device()
    text = table(rows, environment(runtime.resolve_precision("auto", device), device))
    write_bytes(options.out / "table.md", text.encode())
    print(f"\n{text}\n{options.out / 'table.md'}")


if __name__ == "__main__":
    sys.exit(main())
