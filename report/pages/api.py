"""Write the API reference from signatures and docstrings: docs/api.md, or HTML for the site.

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
    """Lines for a public name: heading, signature without types, and docstring with its sections as lists."""
    lines, text = [f"{level} {title}", ""], inspect.cleandoc(thing.__doc__)
    if callable(thing):
        signature = inspect.signature(thing)
        arguments = [argument for argument in signature.parameters.values() if argument.name != "self"]
        plain = [argument.replace(annotation=argument.empty) for argument in arguments]
        lines += [f"`{title}{signature.replace(parameters=plain, return_annotation=signature.empty)}`", ""]
    text = re.sub(r"(?m)^([A-Z]\w+):$", r"**\1**\n", text)
    return [*lines, re.sub(r"(?m)^ {4}(\w[\w, ]*): ", r"- `\1`: ", text), ""]


def markdown() -> str:
    """The page as Markdown, without its title."""
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
