"""The page of the public names, from their signatures and docstrings: docs/api.md, or as HTML for the site.

python -m report.pages.api [build/site/api.html]
"""

import inspect
import re
import sys
from functools import cached_property
from pathlib import Path

import diffusion
from diffusion.files import write_bytes
from report.pages.render import PAGE, pandoc
from report.places import ROOT

TITLE = "The public names"
HEAD = "As `d.NAME` after `import diffusion as d`; made of the docstrings, by `python -m report.pages.api`.\n"


def entry(title: str, thing: object, level: str) -> list[str]:
    """A heading, the signature without types, and the docstring, whose sections become lists."""
    lines, text = [f"{level} {title}", ""], inspect.cleandoc(thing.__doc__)
    if callable(thing):
        found = inspect.signature(thing)
        plain = [one.replace(annotation=one.empty) for one in found.parameters.values() if one.name != "self"]
        lines += [f"`{title}{found.replace(parameters=plain, return_annotation=found.empty)}`", ""]
    text = re.sub(r"(?m)^([A-Z]\w+):$", r"**\1**\n", text)
    return [*lines, re.sub(r"(?m)^ {4}(\w[\w, ]*): ", r"- `\1`: ", text), ""]


def markdown() -> str:
    """The page, below its title."""
    contents, lines = [], []
    for name in sorted(diffusion.__all__, key=str.lower):
        thing = getattr(diffusion, name)
        first = inspect.cleandoc(thing.__doc__).split("\n\n")[0].replace("\n", " ")
        contents.append(f"- [`{name}`](#{name.lower()}): {first}")
        lines += entry(name, thing, "##")
        for part in vars(thing) if isinstance(thing, type) else ():
            of = getattr(thing, part, None)  # an old name, which is refused, has none
            if part[0] != "_" and of.__doc__ and (callable(of) or isinstance(of, property | cached_property)):
                lines += entry(f"{name}.{part}", of, "###")
    return "\n".join([HEAD, *contents, "", *lines])


def main() -> None:
    if len(sys.argv) > 1:
        page = f"---\ntitle: {TITLE}\nlang: en-GB\n---\n\n{markdown()}"
        options = ["--from=gfm+yaml_metadata_block", "--standalone", "--toc", *PAGE]
        write_bytes(Path(sys.argv[1]), pandoc(page, *options).encode())
    else:
        write_bytes(ROOT / "docs" / "api.md", f"# {TITLE}\n\n{markdown()}".encode())


if __name__ == "__main__":
    main()
