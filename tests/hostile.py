"""A hostile pickle, for tests of readers."""

import os
from typing import Any


class Code:
    """An object whose pickle runs a command when it is read carelessly."""

    def __init__(self, target: Any):
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)
