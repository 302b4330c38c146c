"""Waiting threads, alone and beside other work: `python -m benchmarks.threads [--rounds 7] [--busy 2]`.

Prints milliseconds of a training step of either network and of 64 samples, medians over rounds in which the
settings take turns, for libgomp's ways to wait (docs/speed.md); then the same beside busy trainings.
"""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter

import pandas as pd

SPIN, POLICY, THREADS = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"
WAYS = {
    "torch's own": {},
    "spin 1,000": {SPIN: "1000"},
    "spin 20,000, the default here": {SPIN: "20000"},
    "spin 100,000": {SPIN: "100000"},
    "passive": {POLICY: "PASSIVE"},
    "one thread": {THREADS: "1"},
}
LOOK = """
import json, sys, time
import diffusion as d, numpy as np
from diffusion.training.network import architecture
from diffusion.training.steps import Learner

x, _ = d.load("mnist", n=128)
how = {"learning_rate": 2e-3, "lr_schedule": "constant", "total": 1, "seed": 0, "precision": "fp32"}
how["precision"] = d.released("paper", "zoom").precision


def median(work, n):
    times = []
    for _ in range(n + 2):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return round(1e3 * float(np.median(times[2:])), 1)


found = {}
for name, batch, n in (("cnn", 128, 10), ("unet", 16, 40)):
    learner = Learner(d.ColdZoom(), *architecture(name), x, None, batch_size=batch, **how)
    while sys.argv[1:]:  # as a busy process
        learner.step(0, x)
    found[f"step of {name}, batch {batch}"] = median(lambda: learner.step(0, x[:batch]), n)
run = d.released("beyond", "zoom_dilated")
found["64 samples"] = median(lambda: run.sample(64), 3)
print(json.dumps(found))
"""


def code(way: dict[str, str]) -> str:
    """The program; torch is loaded before this package where it is to wait in its own way."""
    return LOOK if way else f"import torch\n{LOOK}"


def look(way: dict[str, str]) -> dict[str, float]:
    """Milliseconds of each piece of work, in a process of its own."""
    env = {k: v for k, v in os.environ.items() if k not in (SPIN, POLICY, THREADS)} | way
    command = [sys.executable, "-c", code(way)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rounds: int) -> str:
    """Medians over rounds, a row a way."""
    found = [{"way": name, **look(way)} for _ in range(rounds) for name, way in WAYS.items()]
    return pd.DataFrame(found).groupby("way", sort=False).median().to_string()


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", type=int, default=2, help="busy processes, with torch's own threads")
    given = parser.parse_args()
    print(f"alone\n{table(given.rounds)}", flush=True)
    busy = [subprocess.Popen([sys.executable, "-c", code({}), "busy"]) for _ in range(given.busy)]
    try:
        time.sleep(10)
        print(f"beside {given.busy} busy processes\n{table(max(1, given.rounds // 3))}")
    finally:
        for one in busy:
            one.kill()


if __name__ == "__main__":
    main()
