"""Write the API reference from signatures and docstrings: docs/api.md, or HTML for the site.

python -m report.pages.api [build/site/api.html]
"""

import inspect
import re
import sys
import textwrap
from functools import cached_property
from pathlib import Path

import diffusion
from diffusion.files import write_bytes
from report.pages.render import PAGE, pandoc
from report.places import ROOT

TITLE = "Python API"
HEAD = """All public names are available as `d.NAME` after `import diffusion as d`.
This page is generated from the docstrings: `python -m report.pages.api`.
"""
GROUPS = {  # of all public names
    "Train": "fit Reconstructor UNet",
    "Sample": "Run open released",
    "Measure": "Evaluator compare grid",
    "Degradations": "ColdZoom ColdCrop ColdBlur DDPM linear cosine NoiseSchedule degradation "
    "ColdDiffusion DegradationProcess",
    "Priors": "Pixels Patches Mixture prior",
    "Samplers": "Ancestral DDIM Naive Improved sampler",
    "Data": "load images DataSet",
}
TITLES = "Args|Attributes|Example|Raises|Returns|Shape|Yields"  # of sections
SECTION = re.compile(rf"^({TITLES}):\n((?: {{4}}.*\n|\n)*)", re.MULTILINE)
ITEM = re.compile(r"(\*{0,2}\w[\w, ]*?)(?: \(([^)]*)\))?: (.*)")  # name (type): meaning


def section(match: re.Match) -> str:
    """A section of a docstring as Markdown: an example as code, arguments and the like as a list."""
    title, body = match[1], textwrap.dedent(match[2]).strip()
    if title == "Example":
        return f"**Example**\n\n```pycon\n{body}\n```\n"
    items = [" ".join(item.split()) for item in re.split(r"\n(?! )", body)]
    if title in ("Returns", "Yields"):
        kind, _, meaning = " ".join(items).partition(": ")
        lines = [f"*{kind}*: {meaning}"]
    elif title == "Shape":
        lines = items
    else:
        parts = [re.fullmatch(ITEM, item) for item in items]
        lines = [f"- `{part[1]}`{f' (*{part[2]}*)' if part[2] else ''}: {part[3]}" for part in parts if part]
    return "\n".join([f"**{'Arguments' if title == 'Args' else title}**", "", *lines, "", ""])


def entry(title: str, thing: object, level: str) -> list[str]:
    """Lines for a public name: heading, signature without types, and docstring with its sections as lists."""
    lines, text = [f"{level} {title}", ""], inspect.cleandoc(thing.__doc__)
    if callable(thing):
        signature = inspect.signature(thing)
        arguments = [argument for argument in signature.parameters.values() if argument.name != "self"]
        plain = [argument.replace(annotation=argument.empty) for argument in arguments]
        lines += [f"`{title}{signature.replace(parameters=plain, return_annotation=signature.empty)}`", ""]
    else:  # a property, whose docstring begins with its type
        text = re.sub(r"\A(\w+): ", r"*\1*: ", text)
    return [*lines, SECTION.sub(section, f"{text}\n").rstrip(), ""]


def markdown() -> str:
    """The page as Markdown, without its title."""
    contents, lines = ["| task | names |", "|---|---|"], []
    for group, names in GROUPS.items():
        links = ", ".join(f"[`{name}`](#{name.lower()})" for name in names.split())
        contents.append(f"| [{group}](#{group.lower()}) | {links} |")
        lines += [f"## {group}", ""]
        for name in names.split():
            thing = getattr(diffusion, name)
            lines += entry(name, thing, "###")
            for part in vars(thing) if isinstance(thing, type) else ():
                member = getattr(thing, part)
                documented = callable(member) or isinstance(member, property | cached_property)
                if part[0] != "_" and member.__doc__ and documented:
                    lines += entry(f"{name}.{part}", member, "####")
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
