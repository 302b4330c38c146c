"""Cold Zoom Diffusion: DDPMs and cold diffusion on small images, trained, sampled and measured.

    import diffusion as d

    x, _ = d.load("mnist")
    run = d.fit(d.ColdZoom(), x, steps=1000)
    d.grid(run.sample(16))

The names stand in __init__.pyi; one is imported when it is first used.
"""

import os
import sys
import time
from typing import Any

try:
    import lazy_loader
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; in the project, run .venv/bin/python (`make env`)") from None

os.environ.setdefault("PYDANTIC_ERRORS_INCLUDE_URL", "0")  # an error is said without a link
# Before torch is loaded: threads that wait for one another spin for a moment and then sleep, which leaves the
# cores to other processes (docs/speed.md). What a user has set stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("cold-zoom-diffusion")
    return _lazy(name)


class _Imports:
    """Notes when a module is imported, which Python does not: a file edited since does not act."""

    begun = time.time()
    times: dict[str, float] = {}

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> None:
        cls.times[name] = time.time()


sys.meta_path.insert(0, _Imports)


def imported(module: str) -> float:
    """The time at which a module was imported last, or this package, if later."""
    return max(_Imports.begun, _Imports.times.get(module, 0))
