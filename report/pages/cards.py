"""The released models: a table for `d.released()`, and a page with samples of each.

python -m report.pages.cards PAGE.html      write the page, and released/models.csv
"""

import base64
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diffusion.files import write_bytes
from diffusion.places import releases
from report.figures import images
from report.figures.print_style import render
from report.pages.models import Model
from report.pages.names import AUTHORS, LICENCE
from report.pages.render import PAGE, pandoc
from report.pages.text_format import Markdown, num, percent
from report.results.kept import kept_path, read_kept
from report.results.settings import Description, find_defaults
from report.results.views import Training, load

TABLE = "models.csv"  # next to the releases
USUAL = (
    "diffusion:Naive",
    "diffusion:Ancestral",
    "diffusion:Pixels",
)  # what a process samples with by default
FORMAT = "--from=markdown-implicit_figures"
SHOWN = 10  # samples of a model
ABOUT = """
`d.released()` shows these models as a table, and `print(run)` one of them.
The best samples are those with the smallest squared Fréchet distance from the test images, in features of
digits, of all samplers and priors that were measured; the code draws such samples.
Distances compare only at equal numbers of samples.
Digits are the samples that a recogniser accepts.
The pictures show the first kept samples of each run, not picked, with the sampler of its release.
"""


def list_models() -> dict[str, tuple[Path, Training]]:
    """The released runs with measures, each with the folder of its release, by the name that opens it."""
    found = {}
    for path in sorted(releases().glob("*/runs/*/run.json")):
        out, name = path.parents[2], path.parent.name
        model, _, seed = name.rpartition("-")
        training = load(out, trainings=[(model, int(seed))]).first(model)
        if training.measured:
            found[f"{out.name}/{name}"] = out, training
    return found


def describe(name: str, training: Training) -> dict[str, Any]:
    """A row of the table: process, network, recipe, and the best samples with the call that draws them."""
    sets = {way: training.measured[way] for way in ("", *training.changes)}
    equal = {way: samples for way, samples in sets.items() if samples.n == training.final.n}
    way = min(equal, key=lambda way: equal[way]["frechet"].value)
    model, settings = Model(name, training, equal[way], training.changes.get(way, {})), training.settings
    return {
        "name": name,
        "process": _plain(model.degrades),
        "network": _plain(model.component("network")),
        "recipe": f"{training.train.steps} steps of {settings.batch_size} images",
        "samples": model.samples.n,
        "distance": round(model.samples["frechet"].value, 2),
        "digits": round(model.samples["digit"].value, 3),
        "best": f"run.sample(64{_arguments(model.parts)})",
    }


def _plain(text: Markdown) -> str:
    """A text without escapes and fixed spaces."""
    return text.replace("\\", "").replace("\N{NO-BREAK SPACE}", " ")


def _arguments(parts: Mapping[str, Description]) -> str:
    """The arguments of `sample` for a sampler and a prior; empty for the defaults of the process."""
    text = ""
    for kind in ("sampler", "prior"):
        part = parts[kind]
        if not part:
            continue
        usual = find_defaults(part["class"])
        options = {key: value for key, value in part.items() if key != "class" and value != usual.get(key)}
        if options or part["class"] not in USUAL:
            given = ", ".join(f"{key}={value!r}" for key, value in options.items())
            text += f", {kind}=d.{part['class'].partition(':')[2]}({given})"
    return text


def write_page(found: Mapping[str, tuple[Path, Training]], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Render the page of all models: a picture and a description for each."""
    parts = [
        "---",
        "title: Released models",
        "lang: en-GB",
        f"author: {AUTHORS}",
        f"licence: {LICENCE}",
        "---",
    ]
    parts.append(ABOUT)
    for row in rows:
        out, training = found[row["name"]]
        parts.append(f"## {row['name']} {{.unnumbered}}\n")
        if kept_path(out, f"samples_{training.name}").is_file():
            samples = images.grid(read_kept(out, f"samples_{training.name}")[:SHOWN], columns=SHOWN)
            picture = base64.b64encode(render(samples, "png")).decode()
            parts.append(f"![Its first samples.](data:image/png;base64,{picture}){{width=100%}}\n")
        parts.append(f"Process: {row['process']}. Network: {row['network']}. Training: {row['recipe']}.")
        distance = f"distance {num(row['distance'])} of {row['samples']} samples"
        parts.append(f"Best samples: {percent(row['digits'])} digits, {distance}.\n")
        parts.append(f'```python\nrun = d.released("{row["name"]}")\n{row["best"]}\n```\n')
    return pandoc("\n".join(parts), FORMAT, "--standalone", "--toc", *PAGE).encode()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list_models()
    rows = [describe(name, training) for name, (_, training) in found.items()]
    write_bytes(releases() / TABLE, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n").encode())
    print(
        f"Ready: {write_bytes(sys.argv[1], write_page(found, rows))} and released/{TABLE}, {len(rows)} models"
    )


if __name__ == "__main__":
    main()
