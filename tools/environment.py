"""Make or renew the project's virtual environment; `make` runs this before everything else.

    python3 tools/environment.py [VENV]

The environment is current when its stamp names the pins, the project's folder and the Python that made it.
Pins that changed are installed on top; an environment that was left half made, moved or broken is made anew.
Needs nothing but the standard library.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGE = re.compile(r"\s*Downloading ([^-]+)-([^-]+)-.*(\([\d.]+ [MG]B\))")  # a line of pip's
TROUBLE = re.compile(r"\s*(ERROR|WARNING|error:)")
VENV = [sys.executable, "-m", "venv"]
PROBE = "import pip"  # what a working environment can do


def place() -> str:
    """What an environment is tied to: its absolute folder and the Python that it was made from."""
    return f"{ROOT} {sys.base_prefix} {sys.version_info.major}.{sys.version_info.minor}"


def pins() -> str:
    """Hash of the files that say what is to be installed."""
    content = b"\0".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(content).hexdigest()


def works(venv: Path) -> bool:
    """Whether the environment's Python starts; it does not after the system's Python has been replaced."""
    try:
        return subprocess.run([venv / "bin/python", "-c", PROBE], capture_output=True).returncode == 0
    except OSError:
        return False


def pip_install(venv: Path) -> None:
    """Install the project with its pins. All of pip's output goes to install.log, some of it is shown."""
    command = [venv / "bin/python", "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", "--editable", ".[dev,cluster]"]
    log = venv / "install.log"
    with log.open("w") as file:
        pip = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in pip.stdout:
            file.write(line)
            if large := LARGE.match(line):
                print("  fetching", *large.groups(), flush=True)
            elif line.startswith("Installing collected packages"):
                print(f"  installing {line.count(',') + 1} packages", flush=True)
            elif TROUBLE.match(line):
                print(f"  {line.rstrip()}", flush=True)
    if pip.wait() != 0:
        sys.exit(f"The environment could not be made; pip's last words are above, all of them in {log}.")


def make(venv: Path) -> None:
    """Bring the environment up to date, in as few steps as it takes."""
    stamp, making = venv / "stamp", venv / "making"
    wanted = f"{place()}\n{pins()}\n"
    current = stamp.read_text() if stamp.exists() else ""
    if current == wanted and works(venv):
        return
    moved = bool(current) and current.splitlines()[0] != place()
    if venv.exists() and (making.exists() or moved or not works(venv)):
        print(f"{venv.name} is half made, broken, moved or of another Python: making it anew.", flush=True)
        shutil.rmtree(venv)
    new = not venv.exists()
    venv.mkdir(exist_ok=True)
    making.touch()  # stays behind when this process is killed
    stamp.unlink(missing_ok=True)
    print(f"{'Making' if new else 'Updating'} the environment in {venv} ...", flush=True)
    if new and subprocess.run([*VENV, venv]).returncode != 0:
        sys.exit("The environment could not be made; Debian and Ubuntu have venv in a package, python3-venv.")
    pip_install(venv)
    stamp.write_text(wanted)
    making.unlink()


def main() -> None:
    venv = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".venv").absolute()
    with (ROOT / "pyproject.toml").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another make that is making the environment ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        make(venv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next make starts over.")
