"""Speed of this project against the textbook's code (`baseline.py`): `make bench`, or

    python -m benchmarks.bench [--quick] [step] [zoom] [sampling] [share]

Candidates take turns (A B A B ...), so that whatever slows the machine slows them alike. A ratio is the
median over rounds of the quotient within a round, its spread the quartiles. Writes build/bench/table.md.
`share` has a product of matrices in the textbook's place: the ratio is the part of its rate that is reached.
"""

import contextlib
import io
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

import diffusion as d
from benchmarks import baseline
from diffusion import runtime
from diffusion.files import write_bytes
from diffusion.processes.zoom import zoom
from diffusion.training.network import architecture
from diffusion.training.sampling import walk
from diffusion.training.steps import Learner
from study.environment import environment

OUT = Path(__file__).resolve().parents[1] / "build" / "bench"
# Timed rounds; training steps in each, of how many images; samples, their steps, and how many in each round.
FULL = {"rounds": 5, "steps": 20, "batch": 128, "samples": 500, "T": 250, "segment": 25}
QUICK = {"rounds": 2, "steps": 2, "batch": 16, "samples": 16, "T": 6, "segment": 2}
SIDE, PRODUCTS = 2048, 4  # of matrices, whose product is the most that a machine computes; in a round
MACHINE = "{device_name}, {cores} cores, torch {torch}, Python {python}, commit {commit}"
Row = tuple[str, list[float], list[float], str]  # what, seconds of the textbook and ours by round, a remark


def in_turns(textbook: Callable, ours: Callable, rounds: int, units: float) -> list[list[float]]:
    """Seconds a unit of work in each round, of both; one more round, before these, is thrown away."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else int  # for all that is queued on a GPU

    def seconds(work: Callable) -> float:
        wait()
        begun = time.perf_counter()
        work()
        wait()
        return (time.perf_counter() - begun) / units

    found = [[seconds(work) for work in (textbook, ours)] for _ in range(rounds + 1)]
    return [list(one) for one in zip(*found[1:], strict=True)]


def step(precision: str, rounds: int, steps: int, batch: int, **_: int) -> Iterator[Row]:
    """A training step with its batch: `d.fit` against the textbook's loop and DataLoader."""
    x, _, linear = *d.load("mnist", n=steps * batch), d.linear()
    losses = {"DDPM": baseline.ddpm_loss(linear.alpha_bar), "zoom": baseline.zoom_loss}
    for (name, loss), process in zip(losses.items(), (d.DDPM(linear), d.ColdZoom()), strict=True):
        network = d.Reconstructor().to(runtime.device())
        batches = DataLoader(baseline.dataset(len(x)), batch, shuffle=True)
        theirs = baseline.training_steps(loss, process.T, network, batches)
        candidates = (
            lambda theirs=theirs: [next(theirs) for _ in range(steps)],
            lambda process=process: d.fit(process, x, steps=steps, batch_size=batch),
        )
        with contextlib.redirect_stdout(io.StringIO()):
            seconds = in_turns(*candidates, rounds, steps)
        yield f"training step, {name}, batch {batch}", *seconds, f"ours in {precision}"


def operator(precision: str, rounds: int, batch: int, **_: int) -> Iterator[Row]:
    """The zoom of a batch, a different level for each image: one gather against a `resized_crop` an image."""
    x = d.load("mnist", n=batch)[0].to(runtime.device())
    t = torch.arange(len(x), device=x.device) % 24 + 1  # (B,)
    same = torch.equal(baseline.zoom(x, t), zoom(x, t))
    candidates = (lambda f=f: [f(x, t) for _ in range(10)] for f in (baseline.zoom, zoom))
    seconds = in_turns(*candidates, 3 * rounds, 10)
    remark = "the same images to the bit" if same else "DIFFERENT images"
    yield f"zoom operator, batch {batch}, a different level each", *seconds, remark


def sampling(precision: str, samples: int, T: int, segment: int, **_: int) -> Iterator[Row]:
    """A whole walk of the released linear DDPM on either side, the two taking turns every few steps."""
    process, device = d.DDPM(d.linear(T)), runtime.device()
    network = d.released("paper", "linear").network().to(device).eval()
    noise = torch.Generator(device).manual_seed(0)
    theirs = baseline.sampling_steps(network, samples, process.schedule.beta, noise)
    ours = walk(process, network, d.Ancestral(), None, samples, 0, precision)
    candidates = (lambda w=w: [next(w) for _ in range(segment)] for w in (theirs, ours))
    seconds = in_turns(*candidates, T // segment - 1, segment / T)
    yield f"sampling {samples} DDPM images, {T} steps", *seconds, f"ours in {precision}"


def share(precision: str, rounds: int, steps: int, batch: int, **_: int) -> Iterator[Row]:
    """A training step of either network, and as many operations at the rate of a product of matrices."""
    device, process, steps = runtime.device(), d.ColdZoom(image_noise=0.25), max(1, steps // 4)
    for network, size in {"cnn": batch, "unet": batch // 4}.items():
        x, (cls, options) = d.load("mnist", n=size)[0].to(device), architecture(network)
        how = {"batch_size": size, "learning_rate": 2e-3, "lr_schedule": "constant", "total": 1, "seed": 0}
        for used in dict.fromkeys(("fp32", precision)):
            learner = Learner(process, cls, options, x, None, precision=used, **how)
            with FlopCounterMode(display=False) as counted:
                learner.step(0, x)
            kind = torch.bfloat16 if used == "bf16" else torch.float32
            matrix = torch.ones(SIDE, SIDE, device=device, dtype=kind)
            work = (
                lambda matrix=matrix: [matrix @ matrix for _ in range(PRODUCTS)],
                lambda learner=learner, x=x: [learner.step(0, x) for _ in range(steps)],
            )
            products, ours = in_turns(*work, rounds, steps)
            rate = PRODUCTS * 2 * SIDE**3 / steps / np.array(products)  # operations a second
            remark = (
                f"ours in {used}; the other column: as many operations at {np.median(rate) / 1e9:.0f} GFLOP/s"
            )
            ideal = (counted.get_total_flops() / rate).tolist()
            yield f"share of a product's rate, step of {network}, batch {size}", ideal, ours, remark


MEASURES = {"step": step, "zoom": operator, "sampling": sampling, "share": share}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"some of {', '.join(MEASURES)}; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, whose times mean nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.what if name not in MEASURES]:
        parser.error(f"{unknown[0]!r} is not measured; allowed: {', '.join(MEASURES)}")
    precision = runtime.resolve_precision("auto", runtime.device())
    lines = ["| what | textbook | ours | times faster | remark |", "|---|---|---|---|---|"]
    for name in options.what or MEASURES:
        print(f"{name} ...", flush=True)
        for what, textbook, ours, remark in MEASURES[name](precision, **(QUICK if options.quick else FULL)):
            low, ratio, high = np.quantile(np.divide(textbook, ours), [0.25, 0.5, 0.75])
            times = " | ".join(f"{1e3 * np.median(one):.3g} ms" for one in (textbook, ours))
            lines.append(f"| {what} | {times} | {ratio:.3g} ({low:.3g} to {high:.3g}) | {remark} |")
    said = MACHINE.format(**environment(precision, runtime.device()))
    lines += ["", f"Medians; in brackets the quartiles of the ratio. {said}.", ""]
    print("\n".join(["", *lines, str(write_bytes(options.out / "table.md", "\n".join(lines).encode()))]))


if __name__ == "__main__":
    main()
