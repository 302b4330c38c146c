"""The front door: each command of README and its program, each the first one in a clone that has nothing.

    python tests/door.py [COMMAND ...]     of README's commands those that begin so; none: all

A clone has no data, its home is empty, and no variable names a folder. Clones take turns at one path, so that
the environment which the first one makes serves all. `make report` is tried with the profile `smoke`; `make
test` is left to who calls this.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
LEFT_TO_OTHERS = ("make test",)
PROFILE = "PROFILE=smoke"
LAB = "LAB=--no-browser --allow-root --ServerApp.port=0"
PROGRAM = "program.py"
MADE = {  # what a command leaves, from the clone
    "make page": ["build/page/cold-zoom.html"],
    "make report": ["build/smoke/report.html", "build/smoke/report.pdf"],
    f".venv/bin/python {PROGRAM}": ["mine.png", "cold.png", "both.png"],
}
OURS = re.compile("MNIST_DIR|PYTHONPATH|VIRTUAL_ENV|MAKE.*|MFLAGS|(COLD_ZOOM|OMP|GOMP|XDG|JUPYTER|PYTEST)_.*")


def readme() -> tuple[list[str], str]:
    """The commands of README's shell blocks, without remarks, and its program."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    said = "".join(block for kind, block in blocks if kind == "sh")
    lines = [line.partition("#")[0].strip() for line in said.splitlines()]
    (program,) = [block for kind, block in blocks if kind == "python"]
    return [line for line in lines if line.startswith("make")], program


def fresh(clone: Path, kept: Path) -> None:
    """A new clone at a path; the environment of the one before moves into it."""
    if (clone / ".venv").exists():
        (clone / ".venv").rename(kept)
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
    if kept.exists():
        kept.rename(clone / ".venv")


def tried(command: str, clone: Path, env: dict[str, str]) -> str:
    """Run a command to its end; returns why it failed, or nothing."""
    what = [*command.split(), *([PROFILE] if command == "make report" else [])]
    done = subprocess.run(
        what, cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        return done.stdout[-4000:]
    lost = [name for name in MADE.get(command, ()) if not (clone / name).is_file()]
    return f"it has not made {lost[0]}" if lost else ""


def shown(address: str) -> str:
    """The page at an address, which Jupyter prints before it listens there; empty: none in a minute."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(address, timeout=60) as page:
                return page.read().decode()
        except urllib.error.URLError:
            time.sleep(1)
    return ""


def answers(command: str, clone: Path, env: dict[str, str]) -> str:
    """Start JupyterLab and ask it for its page; returns why that failed, or nothing."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    options |= {"start_new_session": True, "cwd": clone, "env": env}
    with subprocess.Popen([*command.split(), LAB], **options) as lab:
        said = []
        try:
            for line in lab.stdout:
                said.append(line)
                if found := re.search(r"http://(127\.0\.0\.1|localhost):\d+/lab\S*", line):
                    return "" if "JupyterLab" in shown(found[0]) else "its page is another"
            return "".join(said[-40:])
        finally:
            os.killpg(lab.pid, signal.SIGTERM)


def main(wanted: list[str]) -> None:
    commands, program = readme()
    if PROFILE.partition("=")[0] not in (ROOT / "README.md").read_text("utf-8"):
        sys.exit("README does not say how another profile is chosen")
    commands = [one for one in [*commands, f".venv/bin/python {PROGRAM}"] if one not in LEFT_TO_OTHERS]
    commands = [one for one in commands if not wanted or one.startswith(tuple(wanted))]
    failed = []
    with TemporaryDirectory(prefix="door-") as place:
        clone, home = Path(place, "clone"), Path(place, "home")
        for command in commands:
            fresh(clone, Path(place, "kept"))
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            env = {k: v for k, v in os.environ.items() if not OURS.fullmatch(k)} | {"HOME": str(home)}
            if command.endswith(PROGRAM):
                (clone / PROGRAM).write_text(program, "utf-8")
            begun = time.monotonic()
            why = tried("make env", clone, env)  # its time is said apart: only the first clone makes it
            made = time.monotonic()
            why = why or (answers if command == "make lab" else tried)(command, clone, env)
            said = f"{time.monotonic() - made:.0f} s, after {made - begun:.0f} s for the environment"
            print(f"{'FAILED' if why else 'ok'}: {command} ({said})", flush=True)
            if why:
                failed.append(command)
                print(why, flush=True)
    if failed:
        sys.exit(f"README's door is shut: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
