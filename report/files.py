"""JSON files of the report and of its jobs."""

import json
import os
from pathlib import Path
from typing import Any

from diffusion.files import write_bytes


def write_json(path: str | os.PathLike, content: Any) -> Path:
    """Write `content` as indented JSON, atomically; ValueError: a number is not finite."""
    return write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file; ValueError: it is missing, cannot be read or is not JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        advice = "run the notebook that writes it, or `make report`"
        raise ValueError(f"cannot read {path} as JSON ({error}); {advice}") from None
