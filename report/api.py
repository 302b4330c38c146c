"""The page of the public names, from their signatures and docstrings: docs/api.md, or as HTML for the site.

python -m report.api [build/site/api.html]
"""

import inspect
import re
import sys
import textwrap
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any

import diffusion
from diffusion.files import write_bytes
from report.render import PAGE, pandoc
from study.profile import ROOT

TITLE = "The public names"
HEAD = """After `import diffusion as d` each is `d.NAME`; an editor shows the types of its arguments.
This page is made of the docstrings, by `python -m report.api`.
"""
MEMBERS = FunctionType, classmethod, property, cached_property


def entry(title: str, thing: Any, level: str) -> list[str]:
    """The lines of a heading, a signature without types, and a docstring, whose sections become lists."""
    lines, listed = [f"{level} {title}", ""], False
    if callable(thing):
        found = inspect.signature(thing)
        plain = [one.replace(annotation=one.empty) for one in found.parameters.values() if one.name != "self"]
        call = f"{title}{found.replace(parameters=plain, return_annotation=found.empty)}"
        lines += ["```text", *textwrap.wrap(call, 100, subsequent_indent="    "), "```", ""]
    for line in inspect.cleandoc(thing.__doc__).splitlines():
        section = re.fullmatch(r"([A-Z]\w+):", line)
        listed = bool(section) or (listed and line[:1] in ("", " "))
        line = f"**{section[1]}**\n" if section else line[4:] if listed else line
        lines.append(re.sub(r"^(\w[\w, ]*):(?= )", r"- `\1`:", line) if listed else line)
    return [*lines, ""]


def markdown() -> str:
    """The page, below its title."""
    names, contents, lines = sorted(diffusion.__all__, key=str.lower), [], []
    for name in names:
        thing = getattr(diffusion, name)
        lines += entry(name, thing, "##")
        first = inspect.cleandoc(thing.__doc__).split("\n\n")[0].replace("\n", " ")
        contents.append(f"- [`{name}`](#{name.lower()}): {first}")
        for part, kind in vars(thing).items() if isinstance(thing, type) else ():
            if part[0] != "_" and isinstance(kind, MEMBERS) and kind.__doc__:
                lines += entry(f"{name}.{part}", getattr(thing, part), "###")
    return "\n".join([HEAD, *contents, "", *lines])


def main() -> None:
    to, content = ROOT / "docs" / "api.md", f"# {TITLE}\n\n{markdown()}"
    if len(sys.argv) > 1:
        options = ["--from=gfm", "--standalone", "--toc", *PAGE, "--toc-depth=2"]
        options += [f"--metadata=title={TITLE}", "--metadata=lang=en-GB"]
        to, content = Path(sys.argv[1]), pandoc(markdown(), *options)
    write_bytes(to, content.encode())


if __name__ == "__main__":
    main()
