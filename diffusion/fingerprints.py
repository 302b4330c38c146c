"""Hashes of what code does: results are kept under them, so that changed code never finds a stale result.

Comments, docstrings and layout do not count. Nor do the versions of libraries, which the records name.
"""

import ast
import hashlib
import inspect
from pathlib import Path

from diffusion import provenance

PACKAGE = Path(__file__).parent


def of_modules(names: tuple[str, ...] | None = None) -> str:
    """Hash of modules of this package, by name; None: of all."""
    paths = sorted(p for p in PACKAGE.glob("*.py") if names is None or p.stem in names)
    return _hash([path.stem + _meaning(path.read_text()) for path in paths])


def of_class(cls: type) -> str:
    """Hash of the modules in which a class and its bases are written, and of those of this package that they
    import, directly or not.

    For a class typed into a notebook, its own source instead of a module's.
    """
    sources: list[str] = []
    for base in cls.__mro__:
        if base.__module__ in ("builtins", "abc", "typing"):
            continue
        try:
            sources.append(Path(inspect.getsourcefile(base) or "").read_text())
        except (OSError, TypeError):
            sources.append(inspect.getsource(base))
    needed = set().union(*(provenance.modules(source) for source in sources))
    return _hash([*map(_meaning, sources), of_modules(tuple(needed))])


def _hash(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _meaning(source: str) -> str:
    """The syntax tree of some source as text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            body[0] = ast.Pass()
    return ast.dump(tree)
