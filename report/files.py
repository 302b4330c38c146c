"""JSON files of the report and of its jobs."""

import json
import os
from pathlib import Path
from typing import Any

from diffusion.files import write_bytes


def write_json(path: str | os.PathLike, content: Any) -> Path:
    """Write `content` as indented JSON, atomically. NaN and infinity are refused, as in JSON."""
    return write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file; ValueError: it is missing, cannot be read or is no JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read as JSON ({error}); run the notebook that writes it, or `make report`"
        ) from None
