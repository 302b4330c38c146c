"""Run each command of README, and its program, as the first one in a fresh clone.

    python tests/door.py [COMMAND ...]     only the commands that begin with these words; default: all

The clone contains no data, its home is empty, and no variable names a folder. Between two commands everything
except the environment is removed. `make report` runs the profile `smoke`; `make test` is left out.
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


def succeeds(command: str, clone: Path, env: dict[str, str]) -> bool:
    """Run a command to its end, or until it prints the address of JupyterLab."""
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
    shell = "".join(block for kind, block in blocks if kind == "sh")
    commands = re.findall("^make [a-z]+", shell, re.MULTILINE)
    with TemporaryDirectory(prefix="door-") as folder:
        clone = Path(folder, "clone")
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
        for number, command in enumerate([*commands, PROGRAM]):
            if command == "make test" or (wanted and not command.startswith(tuple(wanted))):
                continue
            subprocess.run(["git", "clean", "-xdfq", "-e", ".venv"], cwd=clone, check=True)
            home = Path(folder, f"home-{number}")
            home.mkdir()
            env = {k: v for k, v in os.environ.items() if not OURS.fullmatch(k)} | {"HOME": str(home)}
            (clone / "program.py").write_text(dict(blocks)["python"], "utf-8")
            good = succeeds("make env", clone, env) and succeeds(command, clone, env)
            print(f"{'ok' if good else 'FAILED'}: {command}", flush=True)
            failed += [] if good else [command]
    if failed:
        sys.exit(f"commands of README that fail in a fresh clone: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
