"""The released models: a table for `d.released()`, and a page with samples of each.

python -m report.pages.cards PAGE.html      write the page, and released/models.csv
"""

import base64
import sys
from typing import Any

import pandas as pd
from jinja2 import Template

from diffusion.files import write_bytes
from diffusion.places import releases
from report.figures import images
from report.figures.print_style import render
from report.pages.models import Model
from report.pages.names import AUTHORS, LICENCE
from report.pages.render import PAGE, TEMPLATES, pandoc
from report.pages.text_format import FIXED
from report.results.kept import read_kept
from report.results.settings import find_defaults
from report.results.views import Training, load

USUAL = ("diffusion:Naive", "diffusion:Ancestral", "diffusion:Pixels")  # the defaults of the processes
SHOWN = 10  # samples of a model


def describe(training: Training) -> dict[str, Any]:
    """A row of the table: process, network, recipe, and the best samples with the call that draws them."""
    sets = {way: training.measured[way] for way in ("", *training.changes)}
    equal = {way: samples for way, samples in sets.items() if samples.n == training.final.n}
    way = min(equal, key=lambda way: equal[way]["frechet"].value)
    model = Model(training.name, training, equal[way], training.changes.get(way, {}))
    texts = {"process": model.degrades, "network": model.component("network")}
    return {
        **{name: text.replace("\\", "").replace(FIXED, " ") for name, text in texts.items()},
        "recipe": f"{training.train.steps} steps of {training.settings.batch_size} images",
        "samples": model.samples.n,
        "distance": round(model.samples["frechet"].value, 2),
        "digits": round(model.samples["digit"].value, 3),
        "best": f"run.sample(64{_arguments(model)})",
    }


def _arguments(model: Model) -> str:
    """The arguments of `sample` for a sampler and a prior; empty for the defaults of the process."""
    text = ""
    for kind in ("sampler", "prior"):
        if part := model.parts[kind]:
            usual = find_defaults(part["class"]) | {"class": part["class"]}
            options = [f"{name}={value!r}" for name, value in part.items() if value != usual.get(name)]
            if options or part["class"] not in USUAL:
                text += f", {kind}=d.{part['class'].partition(':')[2]}({', '.join(options)})"
    return text


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    models, pictures = {}, {}
    for path in sorted(releases().glob("*/runs/*/run.json")):
        out, (model, _, seed) = path.parents[2], path.parent.name.rpartition("-")
        training, name = load(out, trainings=[(model, int(seed))]).first(model), f"{out.name}/{model}-{seed}"
        samples = images.grid(read_kept(out, f"samples_{model}-{seed}")[:SHOWN], columns=SHOWN)
        models[name] = describe(training)
        pictures[name] = base64.b64encode(render(samples, "png")).decode()
    table = pd.DataFrame.from_dict(models, "index").to_csv(index_label="name", lineterminator="\n")
    write_bytes(releases() / "models.csv", table.encode())
    template = Template((TEMPLATES / "models.md").read_text("utf-8"))
    text = template.render(models=models, pictures=pictures, author=AUTHORS, licence=LICENCE)
    page = pandoc(text, "--from=markdown-implicit_figures", "--standalone", "--toc", *PAGE)
    print(f"Ready: {write_bytes(sys.argv[1], page.encode())} and released/models.csv, {len(models)} models")


if __name__ == "__main__":
    main()
