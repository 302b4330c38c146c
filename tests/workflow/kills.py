"""Kill the whole workflow at random moments and start it again, until it has finished; `make test-kills`.

    python tests/workflow/kills.py --kills 20 --seed 0

Makes the small study of `faults.py` undisturbed, and then anew, ended again and again by SIGINT, SIGTERM or
SIGKILL, to the command alone, to one of its processes or to all of them. In the end weights, samples, figures
and records must be the same to the bit, apart from times.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (1, 2)]

from diffusion import data  # noqa: E402
from workflow import faults  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tests/workflow/kills.py", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--kills", type=int, default=20, help="at most (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    chance, command = random.Random(options.seed), ("tools.run", "--retrain", "tiny", "1")
    data.fetch()
    with tempfile.TemporaryDirectory() as scratch:
        study = faults.project(Path(scratch), data.folder())
        study.make(released=False)
        print(f"undisturbed: {study.seconds:.0f} s", flush=True)
        shutil.rmtree(study.out)
        for number in range(options.kills):
            moment = faults.killed(study, chance, command, study.seconds / 5)
            print(f"{number + 1}: {moment}", flush=True)
            if "ended" in moment:
                break
        status, said = study.give(*command)
        if status:
            sys.exit(f"the workflow failed:\n{said[-4000:]}")
        if differing := faults.differences(study):
            sys.exit(f"these differ: {differing}")
        print(f"{len(study.expected)} files are the same to the bit")


if __name__ == "__main__":
    main()
