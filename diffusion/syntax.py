"""Hashes of what code does: comments, formatting, docstrings and the version of Python do not count.

The project's own code has a hash for what it determines: `code("weights")` for the weights of a training,
`code("samples")` for samples. accepted.json beside this file lists hashes of code that gave the same golden
values (tests/test_golden.py writes it): any of them is as good as another.
"""

import ast
import functools
import json

from diffusion.files import digest, sha256
from diffusion.provenance import PACKAGE

PARTS = {
    "weights": (
        "runtime.py",
        *(f"processes/{name}.py" for name in ("base", "schedules", "ddpm", "zoom", "blur")),
        *("training/network.py", "training/steps.py"),
    ),
    "samples": ("runtime.py", "processes/*.py", "training/network.py", "training/sampling.py"),
    **{
        name: ("runtime.py", "evaluation/shipped.py", f"evaluation/{name}.py")
        for name in ("classifier", "autoencoder")
    },
}
ACCEPTED = PACKAGE / "accepted.json"
SAY_NOTHING = {"ctx", "kind", "type_comment", "type_ignores"}  # fields of a syntax tree


def plain(node: object) -> str:
    """A syntax tree as text, without what does nothing; the same in all versions of Python.

    `ast.dump` is not: it changes with the fields that a version knows.
    """
    if isinstance(node, list):
        return f"[{','.join(map(plain, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(value, list):
            value = [one for one in value if not _idle(one)]
        if name not in SAY_NOTHING and value is not None and value != []:
            parts.append(f"{name}={plain(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _idle(statement: ast.stmt) -> bool:
    """A docstring, another constant by itself, or `pass`."""
    lone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return lone or isinstance(statement, ast.Pass)


def syntax(source: str | ast.AST) -> str:
    """Hash of what a source does, 64 characters.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(source) if isinstance(source, str) else source
    return sha256(plain(tree).encode())


@functools.cache
def code(part: str) -> str:
    """Hash of the project's code for one of `PARTS`, as it was when it was first asked for."""
    paths = sorted({path for pattern in PARTS[part] for path in PACKAGE.glob(pattern)})
    return digest(
        {path.relative_to(PACKAGE).as_posix(): syntax(path.read_text("utf-8")) for path in paths}, 16
    )


@functools.cache
def accepted(part: str) -> tuple[str, ...]:
    """The hashes of code that gave the golden values of today."""
    return tuple(json.loads(ACCEPTED.read_text("utf-8"))[part])


def canonical(part: str, found: str) -> str:
    """One name for all hashes of code that gave the same values."""
    known = accepted(part)
    return known[0] if found in known else found
