"""The files of all modules that code imports, directly or through others."""

import ast
import functools
from collections.abc import Iterable
from pathlib import Path


def followed(begin: str, place: Path, without: Iterable[str] = ()) -> list[Path]:
    """Files in `place` of the modules that code imports, directly or not, but for those `without`."""
    found: dict[str, Path] = {}
    waiting = [("", begin)]  # packages, and the text of one of their modules
    while waiting:
        package, text = waiting.pop()
        for level, named in imports(text):
            around = package.split(".")[: 1 - level or None] if level else []
            parts = [*around, *named.split(".")] if named else around
            for i in range(1, len(parts) + 1):  # a module's packages come with it
                name, at = ".".join(parts[:i]), place.joinpath(*parts[:i])
                file = at / "__init__.py" if at.is_dir() else at.with_suffix(".py")
                if name in without or not file.is_file():
                    break
                if name not in found:
                    found[name] = file
                    within = name if at.is_dir() else name.rpartition(".")[0]
                    waiting.append((within, file.read_text("utf-8")))
    return list(found.values())


@functools.cache
def imports(text: str) -> list[tuple[int, str]]:
    """The modules that a source may import: level of a relative import, and name."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(0, one.name) for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = node.module or ""
            found += [(node.level, f"{named}.{one.name}".strip(".")) for one in node.names]
    return found
