"""Compile the networks of net.c to net.wasm, which the page runs.

    python -m play.kernel      with Zig's C compiler: `make kernel` installs it

Its last bytes are a hash of the sources and the command, so that a changed source without a new binary is
noticed where there is no compiler. Equal sources give equal bytes.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from play.bundle import HERE

SOURCES = ("net.c", "layers.h")
BINARY = "net.wasm"
# -ffp-contract=off: no fused multiply-add, whose rounding differs.
COMMAND = (
    *("-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-O2", "-msimd128", "-ffp-contract=off"),
    *("-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--strip-all"),
)


def compiled() -> bytes:
    """The binary of the present sources, with their hash. CalledProcessError: the compiler refuses them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / BINARY
        caches = {f"ZIG_{kind}_CACHE_DIR": folder for kind in ("GLOBAL", "LOCAL")}
        command = [sys.executable, *COMMAND, "-o", str(out), SOURCES[0]]
        subprocess.run(command, cwd=HERE, env=os.environ | caches, check=True)
        return out.read_bytes() + seal()


def seal() -> bytes:
    """A custom section of WebAssembly, which engines skip: named "sources", with the hash of the sources."""
    read = [(HERE / name).read_bytes() for name in SOURCES]
    content = b"\x07sources" + hashlib.sha256(b"\0".join([*read, " ".join(COMMAND).encode()])).digest()
    return bytes([0, len(content)]) + content


def main() -> None:
    path = HERE / BINARY
    print(f"wrote {path.name}, {path.write_bytes(compiled()):,} bytes")


if __name__ == "__main__":
    main()
