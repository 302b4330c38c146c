"""Speed of this project against the textbook's code (`baseline.py`): `make bench`, or

    python -m benchmarks                      everything; minutes
    python -m benchmarks --only step,zoom     some of it
    python -m benchmarks --quick              small sizes: does it run?

Candidates take turns (A B A B ...), so that whatever slows the machine slows them alike. A ratio is the
median over rounds of the quotient within a round, its spread the quartiles. Writes table.md and bench.json
into build/bench/.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import diffusion as d
from benchmarks import baseline
from diffusion import data, runtime
from diffusion.evaluation import classifier, features, frechet
from diffusion.files import write_bytes, write_json
from diffusion.plugins import nearest
from diffusion.processes.zoom import zoom
from diffusion.provenance import environment

ROOT = Path(__file__).resolve().parents[1]
Seconds = dict[str, list[float]]  # "textbook", "ours" -> seconds, one a round


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run: those of the published table, unless `--quick`."""

    rounds: int = 5  # timed rounds, in each of which every candidate has its turn
    steps: int = 20  # training steps in one round
    batch: int = 128
    images: int | None = None  # training images in one epoch of batches; None: all
    test_images: int | None = None  # behind a distance; None: all
    samples: int = 500
    T: int = 250  # sampling steps
    segment: int = 25  # of these, between two readings of the clock
    training: tuple[int, int] = (50, 300)  # steps of two trainings, whose peaks of memory are compared


QUICK = Sizes(2, 2, 16, 640, 500, 16, 6, 2, (2, 4))


@dataclass(frozen=True)
class Row:
    """One line of the table: the ratio's median and quartiles; None where there is nothing to compare."""

    what: str
    textbook: str
    ours: str
    ratio: tuple[float, float, float] | None = None
    remark: str = ""


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call, with all that it queued on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def interleave(candidates: dict[str, Callable[[], object]], rounds: int) -> Seconds:
    """Seconds of each candidate in each round; one more round, before these, is thrown away."""
    seconds: Seconds = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, work in candidates.items():
            elapsed = seconds_of(work)
            if number:
                seconds[name].append(elapsed)
    return seconds


def compared(what: str, seconds: Seconds, per: float = 1, remark: str = "") -> Row:
    """The row of two candidates; per: the units of work in one reading of the clock."""
    textbook, ours = np.array(seconds["textbook"]) / per, np.array(seconds["ours"]) / per
    low, median, high = np.quantile(textbook / ours, [0.25, 0.5, 0.75]).tolist()
    return Row(what, duration(np.median(textbook)), duration(np.median(ours)), (median, low, high), remark)


def three_digits(value: float) -> str:
    """1.9 as 1.90, 75 as 75.0, 105 as 105."""
    return f"{value:#.3g}".rstrip(".")


def duration(seconds: float) -> str:
    """Seconds with a unit that suits them: 65.9 µs, 95.9 ms, 1.89 s, 4.40 min."""
    for unit, size, least in (("min", 60, 120), ("s", 1, 1), ("ms", 1e-3, 1e-3)):
        if seconds >= least:
            return f"{three_digits(seconds / size)} {unit}"
    return f"{three_digits(seconds * 1e6)} µs"


# --- what is measured ---


def step(sizes: Sizes) -> list[Row]:
    """A training step with its batch: `d.fit` in memory against the textbook's loop and DataLoader."""
    device, n = runtime.device(), sizes.steps * sizes.batch
    x, _ = d.load("mnist", n=n)
    linear = d.linear()
    losses = {
        "DDPM": (d.DDPM(linear), baseline.DDPMLoss(linear.alpha_bar, device)),
        "zoom": (d.ColdZoom(), baseline.ZoomLoss()),
    }
    options = {"steps": sizes.steps, "batch_size": sizes.batch}
    precision, rows = runtime.resolve_precision("auto", device), []
    for name, (process, loss) in losses.items():
        batches = baseline.loader(baseline.dataset("train", n), sizes.batch)
        steps = baseline.training_steps(loss, process.T, d.Reconstructor(), batches, device)
        candidates = {
            "textbook": lambda steps=steps: [next(steps) for _ in range(sizes.steps)],
            "ours": lambda process=process: d.fit(process, x, **options),
        }
        what = f"training step, {name}, batch {sizes.batch}"
        with contextlib.redirect_stdout(io.StringIO()):
            seconds = interleave(candidates, sizes.rounds)
        rows.append(compared(what, seconds, sizes.steps, f"ours in {precision}"))
    return rows


def operator(sizes: Sizes) -> list[Row]:
    """The zoom of a batch, a different level for each image: one gather against a `resized_crop` an image."""
    x = d.load("mnist", n=sizes.batch)[0].to(runtime.device())
    t = torch.arange(len(x), device=x.device) % 24 + 1  # (B,)
    same = torch.equal(baseline.zoom(x, t), zoom(x, t))
    candidates = {
        "textbook": lambda: [baseline.zoom(x, t) for _ in range(10)],
        "ours": lambda: [zoom(x, t) for _ in range(10)],
    }
    remark = "the same images to the bit" if same else "DIFFERENT images"
    seconds = interleave(candidates, 3 * sizes.rounds)
    return [compared(f"zoom operator, batch {sizes.batch}, a different level each", seconds, 10, remark)]


def batches(sizes: Sizes) -> list[Row]:
    """An epoch of batches in random order: a tensor in memory against a `DataLoader`."""
    device = runtime.device()
    x = d.load("mnist", n=sizes.images)[0].to(device)
    loader = baseline.loader(baseline.dataset("train", sizes.images), sizes.batch)
    candidates = {
        "textbook": lambda: [batch.to(device) for batch, _ in loader],
        "ours": lambda: [x[part] for part in torch.randperm(len(x)).to(device).split(sizes.batch)],
    }
    what = f"an epoch of {len(x):,} images in batches of {sizes.batch}"
    return [compared(what, interleave(candidates, max(2, sizes.rounds // 2)))]


def distance(sizes: Sizes) -> list[Row]:
    """The Fréchet distance of one more checkpoint's samples, in digit features.

    Ours has the reference's features; the textbook's fresh metric reads and measures the test split again.
    """
    images, _ = d.load("mnist", "test", n=sizes.test_images)
    digits, network = features.digits(runtime.device()), classifier.load().to(runtime.device())
    reference = frechet.Reference(digits.features(frechet.to_uint8(images)))
    samples = frechet.to_uint8(images[torch.randperm(len(images))[: sizes.samples]])
    found: dict[str, float] = {}

    def textbook() -> None:
        found["textbook"] = baseline.frechet(samples.to(runtime.device()), network, sizes.test_images)

    def ours() -> None:
        found["ours"] = frechet.frechet_distance(reference, digits.features(samples))

    seconds = interleave({"textbook": textbook, "ours": ours}, sizes.rounds)
    remark = f"both {found['ours']:.4f}"
    if abs(found["ours"] - found["textbook"]) > 1e-3 * max(1, found["textbook"]):
        remark = f"DIFFERENT: {found}"
    return [compared(f"Fréchet distance of {len(samples)} more samples", seconds, remark=remark)]


def sampling(sizes: Sizes) -> list[Row]:
    """Whole walks of the released linear DDPM from the same noise, the two taking turns every few steps."""
    process, n, device = d.DDPM(d.linear(sizes.T)), sizes.samples, runtime.device()
    network = d.released("paper", "linear").network().to(device).eval()
    precision = runtime.resolve_precision("auto", device)
    key = (0, "benchmark")

    def ours() -> Iterator[Tensor]:
        noise = runtime.generator(*key)
        steps = process.reverse(network, process.draw_prior(n, noise).to(device), d.Ancestral(), noise)
        while True:
            with torch.inference_mode(), runtime.autocast(device, precision):
                _, x = next(steps)
            yield x

    noise = runtime.generator(*key)
    noise = noise if device.type == "cpu" else torch.Generator(device).manual_seed(noise.initial_seed())
    walks = {"textbook": baseline.sampling_steps(network, n, process.schedule.beta, noise), "ours": ours()}
    last = {name: next(walk) for name, walk in walks.items()}

    def advance(name: str) -> None:
        for _ in range(sizes.segment):
            last[name] = next(walks[name])

    seconds = {name: [] for name in walks}
    for _ in range(sizes.T // sizes.segment):
        for name in walks:
            seconds[name].append(seconds_of(lambda name=name: advance(name)))
    digits, images = features.digits(device), d.load("mnist", "test", n=sizes.test_images)[0]
    reference = frechet.Reference(digits.features(frechet.to_uint8(images)))
    drawn = {name: digits.features(frechet.to_uint8(x)) for name, x in last.items()}
    fid = {name: frechet.frechet_distance(reference, found) for name, found in drawn.items()}
    remark = f"distances {fid['textbook']:.1f} in fp32 and {fid['ours']:.1f} in {precision}"
    per = sizes.segment / sizes.T  # a reading is this part of a walk
    return [compared(f"sampling {n} DDPM images, {sizes.T} steps", seconds, per, remark)]


PEAK = """
import sys, tempfile
import diffusion as d
images, steps = int(sys.argv[1]), int(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    d.fit(d.DDPM(), d.load("mnist", n=images or None)[0], steps=steps, folder=folder)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def memory(sizes: Sizes) -> list[Row]:
    """Peak of resident memory of a process that trains on all images, for a short and a longer training."""
    peaks = []
    for steps in sizes.training:
        command = [sys.executable, "-c", PEAK, str(sizes.images or 0), str(steps)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]) / 2**20)  # GiB
    short, long = sizes.training
    remark = f"{peaks[0]:.3f} GiB after {short} steps, {peaks[1]:.3f} GiB after {long}"
    return [Row("peak memory of training", "", f"{max(peaks):.2f} GiB", remark=remark)]


MEASURES: dict[str, Callable[[Sizes], list[Row]]] = {
    "step": step,
    "zoom": operator,
    "batches": batches,
    "distance": distance,
    "sampling": sampling,
    "memory": memory,
}


# --- the table ---


def table(rows: list[Row], environment: dict) -> str:
    """The rows as Markdown, with the machine that they were measured on."""
    lines = ["| what | textbook | ours | times faster | remark |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = "{} ({} to {})".format(*map(three_digits, row.ratio)) if row.ratio else ""
        lines.append(f"| {row.what} | {row.textbook} | {row.ours} | {ratio} | {row.remark} |")
    said = "{device_name}, {cores} cores, torch {torch}, Python {python}, commit {commit}".format(
        **environment
    )
    return "\n".join([*lines, "", f"Medians; in brackets the quartiles of the ratio. {said}."]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; returns 1 if a measure failed, after the others have run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME[,NAME]", help=f"some of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, whose times mean nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",") if options.only else list(MEASURES)
    if unknown := [name for name in wanted if name not in MEASURES]:
        parser.error(f"--only {unknown[0]!r}; allowed: {', '.join(MEASURES)}{nearest(unknown[0], MEASURES)}")
    rows, failed = [], []
    for name in wanted:
        print(f"{name} ...", flush=True)
        try:
            rows += MEASURES[name](QUICK if options.quick else Sizes())
        except (ValueError, OSError, RuntimeError, data.DataError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"{name} failed: {error}", file=sys.stderr)
    device = runtime.device()
    machine = environment(runtime.resolve_precision("auto", device), device)
    text = table(rows, machine)
    content = {"quick": options.quick, "environment": machine, "rows": [asdict(row) for row in rows]}
    write_json(options.out / "bench.json", content)
    write_bytes(options.out / "table.md", text.encode())
    print(f"\n{text}\n{options.out}: table.md, bench.json")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
