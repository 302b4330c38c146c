"""Take out, one by one, what keeps the README's promises, and see that the tests which hold them fail.

    python tests/guards.py [WORDS]

Works on a copy of the checkout. First all named tests must pass there; then each guard of tests/guards.yaml
is replaced by what a careless author would have written, and each of its tests must fail.
WORDS picks the guards whose promise or file contains them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # seconds for the tests of one guard
FAILED = 1  # pytest: the tests ran, and some failed


@dataclass(frozen=True)
class Guard:
    """What keeps a promise: `code` in `file`, what stands there `without` it, and the tests that notice."""

    promise: str  # how its row in the README begins
    file: str
    code: str
    without: str
    tests: tuple[str, ...]  # as file::function


def read() -> list[Guard]:
    """All guards, in the order of the README."""
    rows = yaml.safe_load((ROOT / "tests" / "guards.yaml").read_text(encoding="utf-8"))
    return [
        Guard(promise, **(row | {"tests": tuple(row["tests"])})) for promise in rows for row in rows[promise]
    ]


def copied(target: Path) -> Path:
    """A copy of the checkout's tracked files."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def status(copy: Path, tests: Iterable[str]) -> int:
    """Pytest's status after some tests of the copy; what it said is in pytest.log beside the copy."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [f"tests/{test}" for test in tests]
    environment = {"MNIST_DIR": str(ROOT / "data")} | os.environ
    with (copy.parent / "pytest.log").open("w") as log:
        return subprocess.run(
            command, cwd=copy, env=environment, stdout=log, stderr=log, timeout=PATIENCE
        ).returncode


def noticed(copy: Path, guard: Guard) -> bool:
    """Whether each test of a guard fails without it."""
    file = copy / guard.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(guard.code, guard.without), encoding="utf-8")
    found = all(status(copy, [test]) == FAILED for test in guard.tests)
    file.write_text(whole, encoding="utf-8")
    return found


def main() -> int:
    words = " ".join(sys.argv[1:])
    chosen = [guard for guard in read() if words in f"{guard.promise} {guard.file}"]
    tests = {test for guard in chosen for test in guard.tests}
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # some tests run as another user
        copy = copied(Path(temporary) / "project")
        if not tests or status(copy, sorted(tests)):
            print((copy.parent / "pytest.log").read_text() if tests else f"no guard is about {words!r}")
            return 1
        print(f"with all guards in place {len(tests)} tests pass", flush=True)
        missed = 0
        for number, guard in enumerate(chosen, 1):
            begun, good = time.monotonic(), noticed(copy, guard)
            missed += not good
            said = "noticed" if good else "NOT NOTICED"
            code = f"{guard.file}: {' '.join(guard.code.split())}"[:80]
            print(f"{number}/{len(chosen)} {said} in {time.monotonic() - begun:.0f} s, {code}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards are noticed when they are taken out")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
