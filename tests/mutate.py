"""Subtle mistakes, made one by one: which do the tests not notice?   python tests/mutate.py [WORD ...]

Each of tests/mutations.yaml is made in a copy of the project, where the tests that it names are run. Words
choose those whose file or text has one of them. The last lines are the ones that survive, and those that no
longer apply.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import helpers  # noqa: E402
from diffusion import data  # noqa: E402

AT_ONCE = 2
NOTICED, SURVIVES, GONE = "noticed", "SURVIVES", "NO LONGER APPLIES"


def tried(one: dict[str, str], project: Path) -> str:
    """The outcome of a mistake in a copy of the project, which is then as it was; a test that notices it."""
    path = project / one["of"]
    before = path.read_text("utf-8") if path.is_file() else ""
    tests = one["tests"].split()
    if before.count(one["old"]) != 1 or not all((project / "tests" / name).exists() for name in tests):
        return GONE
    path.write_text(before.replace(one["old"], one["new"]), encoding="utf-8")
    try:
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--nbval-lax"]
        environment = {"MNIST_DIR": str(data.folder()), "OMP_NUM_THREADS": "1"} | os.environ
        environment["PYTHONPATH"] = str(project)
        command += [f"tests/{name}" for name in tests]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    finally:
        path.write_text(before, encoding="utf-8")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return f"{NOTICED} by {failed[0][:160]}" if done.returncode and failed else SURVIVES


def main(words: list[str]) -> None:
    every = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text("utf-8"))
    chosen = [one for one in every if not words or any(word in str(one) for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            copies.put(helpers.copied(Path(folder) / str(number)))

        def outcome(one: dict[str, str]) -> tuple[dict[str, str], str]:
            project = copies.get()
            try:
                return one, tried(one, project)
            finally:
                copies.put(project)

        left = []
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for one, found in threads.map(outcome, chosen):
                print(f"{one['of']}: {one['new'].strip()[:80]}: {found}", flush=True)
                left += [] if found.startswith(NOTICED) else [(one, found)]
    print(f"\n{len(chosen) - len(left)} of {len(chosen)} are noticed")
    for one, found in left:
        print(f"{found}: {one['of']}: {one['old'].strip()!r} -> {one['new'].strip()!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
