"""The folder of results, for notebooks.

Importing this module makes `report` and `paper` of the checkout importable from all folders.
"""

import sys
from pathlib import Path

from diffusion.provenance import checkout

if (_place := checkout()) and str(_place) not in sys.path:
    sys.path.append(str(_place))


def results(out_dir: str | None) -> Path:
    """Return the folder of results: out_dir, else build/notebook of the checkout or the current folder."""
    return Path(out_dir).expanduser() if out_dir else (checkout() or Path()) / "build/notebook"
