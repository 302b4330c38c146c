"""Take out, one by one, the code that keeps a promise of docs/reliability.md, and see its test fail.

    python tests/guards.py [WORDS]

Works on a copy of the checkout. First the named tests must pass there; then each guard of tests/guards.yaml
is replaced by what a careless author would have written, and its test must fail. WORDS picks guards by
promise or file.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from checkout import copied

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 900  # seconds for one test
FAILED = 1  # pytest: the tests ran, and some failed


@dataclass(frozen=True)
class Guard:
    """The `code` in `file` that keeps a promise, its replacement `without`, and the `test` that notices."""

    promise: str  # how it begins
    file: str
    code: str
    without: str
    test: str  # file::function


def read() -> list[Guard]:
    """All guards, in the order of the promises."""
    promises = yaml.safe_load((ROOT / "tests" / "guards.yaml").read_text(encoding="utf-8"))
    return [Guard(promise, **row) for promise, rows in promises.items() for row in rows]


def status(copy: Path, *tests: str) -> int:
    """Pytest's status after some tests of the copy; its output is in pytest.log beside the copy."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [f"tests/{test}" for test in tests]
    environment = {"MNIST_DIR": str(ROOT / "data")} | os.environ
    with (copy.parent / "pytest.log").open("w") as log:
        done = subprocess.run(command, cwd=copy, env=environment, stdout=log, stderr=log, timeout=PATIENCE)
    return done.returncode


def noticed(copy: Path, guard: Guard) -> bool:
    """Its test fails without the guard."""
    file = copy / guard.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(guard.code, guard.without), encoding="utf-8")
    try:
        return status(copy, guard.test) == FAILED
    finally:
        file.write_text(whole, encoding="utf-8")


def main() -> int:
    words = " ".join(sys.argv[1:])
    chosen = [guard for guard in read() if words in f"{guard.promise} {guard.file}"]
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # some tests run as another user
        copy = copied(Path(temporary) / "project")
        if not chosen or status(copy, *sorted({guard.test for guard in chosen})):
            print((copy.parent / "pytest.log").read_text() if chosen else f"no guard is about {words!r}")
            return 1
        missed = 0
        for number, guard in enumerate(chosen, 1):
            good = noticed(copy, guard)
            missed += not good
            said = "noticed" if good else "NOT NOTICED"
            print(f"{number}/{len(chosen)} {said}: {guard.file}: {guard.code}"[:100], flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards are noticed when they are taken out")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
