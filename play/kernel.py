"""Compile the networks in net.c to net.wasm, which the page runs.

    python -m play.kernel      uses Zig's C compiler, which `make kernel` installs

The last bytes of the binary are a hash of the sources and the command. A test can therefore notice a changed
source without a new binary, even without a compiler. Equal sources give equal bytes.
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
# -ffp-contract=off: no fused multiply-add, because it rounds differently.
COMMAND = (
    *("-m", "ziglang", "cc", "-target", "wasm32-freestanding", "-O2", "-msimd128", "-ffp-contract=off"),
    *("-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--strip-all"),
)


def compiled() -> bytes:
    """Compile the sources, and append their hash; CalledProcessError: the compiler reports an error."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / BINARY
        caches = {f"ZIG_{kind}_CACHE_DIR": folder for kind in ("GLOBAL", "LOCAL")}
        command = [sys.executable, *COMMAND, "-o", str(out), SOURCES[0]]
        subprocess.run(command, cwd=HERE, env=os.environ | caches, check=True)
        return out.read_bytes() + seal()


def seal() -> bytes:
    """A custom section of WebAssembly with the hash of the sources; engines skip such sections."""
    parts = [(HERE / name).read_bytes() for name in SOURCES]
    content = b"\x07sources" + hashlib.sha256(b"\0".join([*parts, " ".join(COMMAND).encode()])).digest()
    return bytes([0, len(content)]) + content


def main() -> None:
    path = HERE / BINARY
    print(f"Kernel ready: {path.name}, {path.write_bytes(compiled()):,} bytes")


if __name__ == "__main__":
    main()
