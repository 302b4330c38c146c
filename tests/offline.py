"""Run a command without a network, apart from this machine's own loopback.

In a network namespace where the system permits one; otherwise with Python's sockets blocked.
"""

import fcntl
import functools
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


@functools.cache
def means() -> str:
    """How the network is taken away here: "namespace" or "sockets"."""
    try:
        done = subprocess.run([*_namespace(), sys.executable, "-c", ""], capture_output=True)
    except OSError:
        return "sockets"
    return "namespace" if done.returncode == 0 else "sockets"


def _namespace() -> list[str]:
    return ["unshare", "--map-root-user", "--net", sys.executable, str(HERE)]


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    """As `subprocess.run`, without a network."""
    environment = options.pop("env", None) or dict(os.environ)
    if means() == "namespace":
        command = [*_namespace(), *command]
    else:
        paths = [str(HERE.parent / "nosockets"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.run(command, env=environment, **options)


if __name__ == "__main__":  # in the new namespace
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    os.execvp(sys.argv[1], sys.argv[1:])
