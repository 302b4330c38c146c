"""The front door: each command of README and its program, each the first one in a clone that has nothing.

    python tests/door.py [COMMAND ...]     of README's commands those that begin so; none: all

The clone has no data, its home is empty, and no variable names a folder. Of one command the next one has
nothing but the environment. `make report` is tried with the profile `smoke`; `make test` is left to who calls
this.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ".venv/bin/python program.py"
GIVEN = {  # command -> further words
    "make report": ["PROFILE=smoke"],
    "make lab": ["LAB=--no-browser --allow-root --ServerApp.port=0"],
}
OURS = re.compile("MNIST_DIR|PYTHONPATH|VIRTUAL_ENV|MAKE.*|MFLAGS|(COLD_ZOOM|OMP|GOMP|XDG|JUPYTER|PYTEST)_.*")


def tried(command: str, clone: Path, env: dict[str, str]) -> bool:
    """Run a command to its end, or until it says at which address JupyterLab can be seen."""
    words = [*command.split(), *GIVEN.get(command, [])]
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "start_new_session": True,
    }
    with subprocess.Popen(words, cwd=clone, env=env, **options) as child:
        for line in child.stdout:
            print(line, end="", flush=True)
            if command == "make lab" and re.search(r"http://(127\.0\.0\.1|localhost):\d+/lab", line):
                os.killpg(child.pid, signal.SIGTERM)
                return True
    return child.returncode == 0 and command != "make lab"


def main(wanted: list[str]) -> None:
    text, failed = (ROOT / "README.md").read_text("utf-8"), []
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    said = "".join(block for kind, block in blocks if kind == "sh")
    commands = re.findall("^make [a-z]+", said, re.MULTILINE)
    with TemporaryDirectory(prefix="door-") as place:
        clone = Path(place, "clone")
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
        for number, command in enumerate([*commands, PROGRAM]):
            if command == "make test" or (wanted and not command.startswith(tuple(wanted))):
                continue
            subprocess.run(["git", "clean", "-xdfq", "-e", ".venv"], cwd=clone, check=True)
            (home := Path(place, f"home-{number}")).mkdir()
            env = {k: v for k, v in os.environ.items() if not OURS.fullmatch(k)} | {"HOME": str(home)}
            (clone / "program.py").write_text(dict(blocks)["python"], "utf-8")
            good = tried("make env", clone, env) and tried(command, clone, env)
            print(f"{'ok' if good else 'FAILED'}: {command}", flush=True)
            failed += [] if good else [command]
    if failed:
        sys.exit(f"README's door is shut: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
