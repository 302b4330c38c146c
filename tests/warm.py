"""Python processes that are forks of one that has imported torch, Snakemake and Jupyter already.

    with Nursery(project) as nursery:
        subprocess.run([nursery.python, "-m", "tools.run", "smoke"], cwd=project)

One command of the workflow is some ten processes, which spend most of their time on importing; a harness that
gives it hundreds of times has no time for that. `Nursery.python` is a program that stands for Python and for
`sys.executable`: it has the nursery fork a process, which gets its arguments, folder, environment and open
files, and ends with it. Everything else is as it is: Snakemake, papermill, kernels, locks, signals.
"""

import contextlib
import fcntl
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PRELOADED = ("torch._dynamo", "torchmetrics", "sklearn.linear_model", "scipy.stats", "seaborn", "pandas")
PRELOADED += ("snakemake.cli", "papermill.cli", "ipykernel.kernelapp", "nbconvert", "typst")
PRELOADED += ("diffusion", "tools.jobs", "report.context", "report.pages", "report.render")
MOST_FILES = 64  # that a process may inherit

# Python's own program is asked to be small: -I and -S leave out all that it does not need.
PROGRAM = """#!{python} -IS
import json, os, select, signal, socket, sys
parent = os.getppid()
files = [int(n) for n in os.listdir("/proc/self/fd")]
files = [n for n in files if os.path.exists(f"/proc/self/fd/{{n}}")]
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), files]).encode()
socket.send_fds(server, [len(request).to_bytes(8, "big")], files)
server.sendall(request)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, lambda n, _: server.send(bytes([n])))
while not select.select([server], [], [], 0.5)[0]:
    if os.getppid() != parent:
        os._exit(1)
os._exit((server.recv(1) or b"\\1")[0])
"""


class Nursery:
    """The process that the others are forks of; it has the modules of the project in `folder`."""

    def __init__(self, folder: Path, place: Path):
        self.folder, self.place = folder, place
        self.python = place / "python"

    def __enter__(self) -> "Nursery":
        self.place.mkdir(parents=True, exist_ok=True)
        address = str(self.place / "socket")
        self.python.write_text(PROGRAM.format(python=sys.executable, address=address))
        self.python.chmod(0o755)
        command = [sys.executable, __file__, address, str(self.python)]
        self.process = subprocess.Popen(command, cwd=self.folder, start_new_session=True)
        end = time.monotonic() + 300
        while not (self.place / "socket").exists():
            assert self.process.poll() is None, "the nursery did not start"
            assert time.monotonic() < end, "the nursery takes too long"
            time.sleep(0.05)
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()


def serve(address: str, python: str) -> None:
    """Fork a process for everyone who asks, for as long as the parent lives."""
    sys.path[0] = os.getcwd()
    for name in PRELOADED:
        __import__(name)
    os.chdir("/")
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(64)
    server.settimeout(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            asked, _ = server.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            keep(asked, python)
        asked.close()


def keep(asked: socket.socket, python: str) -> None:
    """Be the parent of the new process: hand it signals, end it with the one that asked, say its status."""
    size, files, *_ = socket.recv_fds(asked, 8, MOST_FILES)
    with asked.makefile("rb") as stream:
        arguments, folder, environment, numbers = json.loads(stream.read(int.from_bytes(size, "big")))
    child = os.fork()
    if child == 0:
        asked.close()
        become(arguments, folder, environment, dict(zip(numbers, files, strict=True)), python)
    for file in files:
        os.close(file)
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([asked, ended], [], [])
        if ended in ready:
            break
        said = asked.recv(1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, said[0] if said else signal.SIGKILL)
        if not said:
            break
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        asked.send(bytes([status if status >= 0 else 128 - status]))
    os._exit(0)


def become(arguments: list[str], folder: str, environment: dict, files: dict[int, int], python: str) -> None:
    """Turn this fork into `python ARGUMENTS`."""
    os.setsid()
    os.closerange(0, 3)
    apart = {number: fcntl.fcntl(file, fcntl.F_DUPFD, 500) for number, file in files.items()}
    os.closerange(3, 500)
    for number, file in apart.items():
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.executable, sys.path[0] = python, folder
    status = 0
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout.reconfigure(line_buffering=True)
        while arguments[0] not in ("-m", "-c"):
            arguments = arguments[1:]
        sys.argv = arguments[1:]
        if arguments[0] == "-m":
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv[0] = "-c"
            exec(arguments[1], {"__name__": "__main__"})
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(*sys.argv[1:])
