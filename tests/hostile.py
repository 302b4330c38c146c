"""A hostile pickle, for tests of readers that must refuse it."""

import os


class Code:
    """An object whose pickle runs a command when it is read carelessly."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)
