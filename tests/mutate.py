"""Subtle mistakes, made one by one: which do the tests not notice?   python tests/mutate.py [WORD ...]

Each of tests/mutations.yaml is made in a copy of the project, where the tests that it names are run. Words
choose those whose file or text has one of them. The last lines are the ones that survive, and those that no
longer apply.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import helpers  # noqa: E402
from diffusion import data  # noqa: E402

PYTEST = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
NOTICED = "noticed"


def tried(one: dict[str, str], project: Path) -> str:
    """What becomes of a mistake in a copy of the project, which is then as it was."""
    path, tests = project / one["of"], [f"tests/{name}" for name in one["tests"].split()]
    before = path.read_text("utf-8") if path.is_file() else ""
    if before.count(one["old"]) != 1 or not all((project / name).exists() for name in tests):
        return "NO LONGER APPLIES"
    path.write_text(before.replace(one["old"], one["new"]), encoding="utf-8")
    own = {"MNIST_DIR": str(data.folder()), "OMP_NUM_THREADS": "1"}
    environment = own | os.environ | {"PYTHONPATH": str(project)}
    done = subprocess.run([*PYTEST, *tests], cwd=project, env=environment, capture_output=True, text=True)
    path.write_text(before, encoding="utf-8")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return f"{NOTICED} by {failed[0][:160]}" if failed else "SURVIVES"


def main(words: list[str]) -> None:
    every = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text("utf-8"))
    chosen = [one for one in every if not words or any(word in str(one) for word in words)]
    left = []
    with tempfile.TemporaryDirectory() as folder:
        project = helpers.copied(Path(folder))
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # tests ask git for its files
        for one in chosen:
            found = tried(one, project)
            print(f"{one['of']}: {one['new'].strip()[:80]}: {found}", flush=True)
            left += [] if found.startswith(NOTICED) else [(one, found)]
    print(f"\n{len(chosen) - len(left)} of {len(chosen)} are noticed")
    for one, found in left:
        print(f"{found}: {one['of']}: {one['old'].strip()!r} -> {one['new'].strip()!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
