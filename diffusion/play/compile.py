"""net.wasm from net.c, by the compiler in the package ziglang, which nothing else here needs:

pip install ziglang==0.17.1
python -m diffusion.play.compile
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COMPILER = "0.17.1"  # another version may write other bytes
OPTIONS = [
    *("-target", "wasm32-freestanding", "-O2", "-msimd128", "-ffp-contract=off", "-nostdlib"),
    *("-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--strip-all"),
]


def compiled() -> bytes:
    """The WebAssembly module of net.c."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "net.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-o", str(out), "net.c"]
        subprocess.run(command, cwd=HERE, check=True)
        return out.read_bytes()


if __name__ == "__main__":
    (HERE / "net.wasm").write_bytes(compiled())
