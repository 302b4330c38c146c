"""Cold Zoom Diffusion: train, sample and measure DDPMs and cold diffusion on small images.

    import diffusion as d

    x, _ = d.load("mnist")
    run = d.fit(d.ColdZoom(), x, steps=1000)
    d.grid(run.sample(16))

`__init__.pyi` lists the public names. Each is imported on first use.
"""

import os
from typing import Any

try:
    import lazy_loader
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}; in the project, run .venv/bin/python (`make env`)") from None

os.environ.setdefault("PYDANTIC_ERRORS_INCLUDE_URL", "0")  # errors have no link
# Before torch is loaded: threads that wait for one another spin for a moment and then sleep, which leaves the
# cores to other processes (docs/speed.md). The user's own settings stay.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("cold-zoom-diffusion")
    return _lazy(name)
