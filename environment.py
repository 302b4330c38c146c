"""Build the environment of the Makefile, or update it. Needs only Python.

    python3 environment.py .venv workflow,lab [OPTIONS OF PIP]

`made.json` in the environment says what it was made of. If that file is missing, because the work was
interrupted, or if the folder or Python has changed, the environment is built again. If only the pins or the
extras have changed, the packages are installed into it.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
from pathlib import Path

PINS = ("pyproject.toml", "constraints.txt")


def install(folder, extras, options):
    """Build or update the environment.

    Args:
        folder: the environment.
        extras: names of the package's extras, in addition to the extras that it already contains.
        options: options for pip.
    """
    record, python = folder / "made.json", folder / "bin" / "python"
    origin = [str(folder), sys.base_prefix, *sys.version_info[:2]]
    pins = hashlib.sha256(b"".join(Path(name).read_bytes() for name in PINS)).hexdigest()
    made = json.loads(record.read_text("utf-8")) if record.exists() else {}
    if made.get("origin") != origin:
        print(f"Building the environment in {folder}: a few minutes ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        made = {"origin": origin, "pins": "", "extras": []}
    # The package itself is not installed again for an extra, because it may be running.
    package = "cold-zoom-diffusion" if made["pins"] == pins else "."
    missing = {*extras} - {*made["extras"]}
    if package != "." and not missing:
        return
    made = {"origin": origin, "pins": pins, "extras": sorted(missing.union(made["extras"]))}
    print(f"Installing into {folder}: {', '.join(made['extras'])} ...", flush=True)
    record.unlink(missing_ok=True)
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *options]
    command += [] if sys.stdout.isatty() else ["-q"]
    command += ["-c", "constraints.txt"] + (["-e"] if package == "." else [])
    subprocess.run([*command, f"{package}[{','.join(made['extras'])}]"], check=True)
    record.write_text(json.dumps(made), "utf-8")


def main(folder, extras, *options):
    if sys.version_info < (3, 11):  # noqa: UP036, since older versions can run this file
        sys.exit(f"{sys.executable} is older than Python 3.11; try: make PYTHON=python3.11")
    with open("pyproject.toml", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time; the lock ends with this process
        try:
            install(Path(folder).absolute(), extras.split(","), options)
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)  # it has printed the reason


if __name__ == "__main__":
    main(*sys.argv[1:])
