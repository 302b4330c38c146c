"""Cold Zoom Diffusion: DDPMs and cold diffusion on small images, trained, sampled and measured.

    import diffusion as d

    x, _ = d.load("mnist")
    run = d.fit(d.ColdZoom(), x, steps=1000)
    d.grid(run.sample(16))

The names stand in __init__.pyi; one is imported when it is first used.
"""

import ast
import importlib
import os
from pathlib import Path
from typing import Any

# Before torch is loaded: threads that wait for one another spin for a moment and then sleep, which leaves the
# cores to other processes (docs/speed.md). What a user has set stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body
_NAMES = {one.name: node.module for node in _STUB if isinstance(node, ast.ImportFrom) for one in node.names}
__all__ = ["__version__", *_NAMES]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("cold-zoom-diffusion")
    if name not in _NAMES:
        raise AttributeError(f"module 'diffusion' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
