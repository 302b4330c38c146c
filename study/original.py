"""Facts from the study's own files: `python -m study.original --out released/original`.

OUT holds the study's public weights as runs and its losses and scores as files; OUT/README.md says whence.
This writes OUT/metrics/files.json: the losses of the weights under both noise schedules, the noise that they
were trained on, and what the study's procedure for Fréchet distances gives for images that are known.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from diffusion import data
from diffusion.evaluation import statistics
from diffusion.evaluation.evaluator import Evaluator
from diffusion.evaluation.frechet import Reference, frechet_distance, to_uint8
from diffusion.evaluation.interval import Interval, Spread
from diffusion.files import read_json
from diffusion.processes import DDPM
from diffusion.processes.base import Network
from diffusion.processes.schedules import SCHEDULES
from diffusion.provenance import environment, releases
from diffusion.runtime import device, generator
from diffusion.training.opening import open as open_run
from diffusion.training.run import Run
from study.records import FilesRecord, Scored, read_kept

# Files of losses, as Figures 3 and 9 name them, and of scores.
LOSSES = {"linear": "ddpm_linear", "cosine": "ddpm_cosine", "zoom": "zoom_NEAREST"}
SCORES = {"linear": "gaussian_linear", "cosine": "gaussian_cosine", "zoom": "zoom_4x4_distr"}
N_SOURCE, DRAWS = 2000, 100  # images of each source, and random draws of them
# What the study's text says, and what its code does (src/utils.py and src/get_fid_scores.py).
PROTOCOL = {"printed_beta_1": 1e-5, "described": 500, "n": 100, "real": "the first 100 training images"}


def wrapped(x: Tensor) -> Tensor:
    """(x / 2 + 0.5) * 255 as bytes, modulo 256: what the study does to samples, and to real bytes too.

    Samples in [-0.5, 0.5] become 63 to 191. Of bytes, black becomes 127 and white 128; in between, the even
    greys run down from 127 to 0 and the odd ones from 255 to 128.
    """
    return ((x.float() / 2 + 0.5) * 255).long().remainder(256).to(torch.uint8)


def noise_learnt(network: Network, x: Tensor, eps: Tensor, t: int, T: int) -> float:
    """The variance, 1e-5 to 0.1, of the noise at step t that a network for noise was trained on.

    The best prediction g of the noise is its mean given the latent, for which <eps, g> = <g, g>. With more
    noise than it was trained on a network predicts too much.

    Args:
        x, eps: clean images and standard normal noise, (n, 1, 28, 28).
    """
    time = torch.full((len(x),), t / T)

    @torch.inference_mode()
    def too_much(log_variance: float) -> float:
        a = 1 - np.exp(log_variance)
        g = network(a**0.5 * x + (1 - a) ** 0.5 * eps, time)
        return float((g * (g - eps)).mean())

    return float(np.exp(brentq(too_much, np.log(1e-5), np.log(0.1), xtol=0.01)))


def _learnt(run: Run, x: Tensor) -> Interval:
    eps = torch.randn(x.shape, generator=generator(0, "files", "learnt"))
    parts = zip(x.chunk(5), eps.chunk(5), strict=True)
    return statistics.mean_of([noise_learnt(run.network(), *one, 1, run.process.T) for one in parts])


def _loss(run: Run, schedule: str, x: Tensor) -> Interval:
    """The loss of a DDPM's weights under its own schedule, or under the usual one of another name."""
    process = run.process if schedule == run.name else DDPM(SCHEDULES[schedule]())
    random, network = generator(0, "files", schedule), run.network()
    with torch.inference_mode():
        return statistics.mean_of([float(process.loss(network, one, random)) for one in x.chunk(20)])


def scored(source: str, x: Tensor, evaluator: Evaluator, n: int, described: int, draws: int) -> Scored:
    """Fréchet distances of images x (N, 1, 28, 28) in the digit classifier's features, by two procedures.

    Args:
        n: random images of each draw that are compared as the study's code does, with the first n training
            images.
        described: the first so many are compared as its text says, with the test split.
    """
    features = evaluator.extractors["digits"].features  # of bytes
    real, found = Reference(features(wrapped(to_uint8(evaluator.x_train[:n])))), features(wrapped(x))
    random = generator(0, "files", n)
    chosen = [torch.randperm(len(x), generator=random)[:n] for _ in range(draws)]
    done = [frechet_distance(real, found[one]) for one in chosen]
    text = frechet_distance(evaluator.digits.reference, features(to_uint8(x[:described])))
    return Scored(
        source=source, done=Spread(mean=np.mean(done), sd=np.std(done, ddof=1), n=n), described=text
    )


def original(out: Path, paper: Path) -> FilesRecord:
    """Make the record of the files in `out`; `paper` holds the released trainings of the study's models."""
    n, described = PROTOCOL["n"], PROTOCOL["described"]
    x_test = data.load("mnist", "test")[0]
    evaluator, ours = Evaluator.of("mnist", None, n, None), open_run(paper / "runs" / "linear-0")
    ddpms = {m: open_run(out / "runs" / f"{m}-0") for m in SCHEDULES}
    losses = {m: read_json(out / "files" / f"losses_{name}.json") for m, name in LOSSES.items()}
    images = {"real digits": x_test[:N_SOURCE]}
    for name, at in (
        (f"{m}, {whose}", at) for m in LOSSES for whose, at in (("the study's", out), ("ours", paper))
    ):
        kept = read_kept(at, f"samples_{name.partition(',')[0]}-0")[:N_SOURCE]
        images[name] = torch.from_numpy(kept)[:, None] / 255 - 0.5
    random = generator(0, "files", "noise")
    images["uniform noise"] = torch.rand((N_SOURCE, 1, 28, 28), generator=random) - 0.5
    record = FilesRecord(
        job="original",
        settings={**PROTOCOL, "draws": DRAWS},
        environment=environment("fp32", device()),
        same_file=losses["linear"] == read_json(out / "files" / "metrics_ddpm_gaussian_cosine.json"),
        labelled={m: found["test_avg_losses"][-1] for m, found in losses.items()},
        losses={m: {s: _loss(run, s, x_test) for s in SCHEDULES} for m, run in ddpms.items()},
        learnt={"study": _learnt(ddpms["linear"], x_test[:500]), "ours": _learnt(ours, x_test[:500])},
        published={m: [*read_json(out / "files" / f"fid_{s}.json").values()] for m, s in SCORES.items()},
        scores=[scored(source, x, evaluator, n, described, DRAWS) for source, x in images.items()],
    )
    record.save(FilesRecord.path(out))
    return record


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m study.original", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the study's files")
    original(parser.parse_args().out, releases() / "paper")
