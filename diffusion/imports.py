"""Your own Python files as they were when they were imported, which Python itself does not keep.

`diffusion.identity` compares them with the files as they are now: a file that was edited since does not act.
"""

import contextlib
import sys
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

BEGUN = time.time()
CONTENT: dict[str, bytes] = {}  # module -> content of its file, if it was imported after this package
LIBRARIES = ("site-packages", "dist-packages", str(Path(contextlib.__file__).parent))


class Finder:
    """Asks the finders after it for a module, and keeps the content of its file."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        finders = sys.meta_path[sys.meta_path.index(cls) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in finders if hasattr(finder, "find_spec"))
        spec = next(filter(None, specs), None)
        if spec and spec.has_location and not any(part in str(spec.origin) for part in LIBRARIES):
            with contextlib.suppress(OSError):
                CONTENT[name] = Path(str(spec.origin)).read_bytes()
        return spec


sys.meta_path.insert(0, Finder)
script = sys.modules["__main__"]
if isinstance(getattr(script, "__loader__", None), SourceFileLoader):  # else a notebook, or IPython's %run
    with contextlib.suppress(OSError):
        CONTENT["__main__"] = Path(str(script.__file__)).read_bytes()
