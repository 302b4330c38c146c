"""The report of the released paper with pages of made-up notebooks, built once in a test run."""

from collections.abc import Iterable
from pathlib import Path

import nbformat
import yaml
from filelock import FileLock
from nbformat import v4

import synthetic
from report import build
from workflow import release

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
BESIDE = ("first_samples.png", "losses_beside.svg", "samples_beside.png")  # figures of a short report
OWN = ("own_samples.png", "own_compared.svg", "losses.svg", "distances.svg")  # of models of one's own
PAPER = (
    "front_linear.png",
    "front_cosine.png",
    "front_zoom.png",
    "unpicked.png",
)  # of the paper
MODELS = {
    "linear": {"notebook": "02_train_ddpm", "schedule": "linear"},
    "cosine": {"notebook": "02_train_ddpm", "schedule": "cosine"},
    "zoom": {"notebook": "03_train_zoom", "seeds": [0, 1]},
    "blur": {"notebook": "05_your_degradation"},
}
NOTEBOOKS = ("01_schedules", "03_train_zoom-zoom-0", "04_compare_fid")
STALE = "02_train_ddpm-stale-0"  # of a model that the run no longer has
FRAME = """<style scoped>th { color: red }</style><script>run()</script><table border="1"><thead><tr>
<th></th><th>model</th><th>distance</th></tr></thead><tbody><tr><th>0</th><td>zoom</td><td>12.1</td></tr></tbody>
</table><img src="https://example.com/x.png"><iframe src="https://example.com"></iframe>"""
PARAMETERS = """# Parameters: change them here.
epochs: int = 2  # passes over the training images
rate: float = 2e-3  # of Adam
name: str = "zoom"  # in files
out_dir: str = None  # folder of the results"""
INJECTED = '# Parameters\nepochs = 100\nrate = 0.002\nname = "zoom # 2"\nout_dir = "/somewhere"'


def notebook(title: str) -> nbformat.NotebookNode:
    """An executed notebook with one of everything that a page has to deal with."""

    def code(source, *outputs, tags=(), **options):
        data = [v4.new_output("display_data", {kind: content}) for kind, content in outputs]
        about = {"outputs": data, "metadata": {"tags": list(tags)}, "execution_count": 1}
        return v4.new_code_cell(source, **about, **options)

    said = v4.new_output("stream", name="stdout", text="\x1b[31mepoch 1\x1b[0m: loss 0.5\n")
    cells = [
        v4.new_markdown_cell(
            f"# {title}\n\nFirst *words*:\n- a point, $x^2$\n\n$$ \\beta_t = 1 $$\n\n<script>run()</script>"
        ),
        code(PARAMETERS, tags=["parameters"]),
        code(INJECTED, tags=["injected-parameters"]),
        v4.new_markdown_cell("# Another heading of the first level\n\n" + " ".join(["$a + b$"] * 60)),
        v4.new_code_cell(f"for epoch in range(2):  # {'a long line ' * 12}\n    pass", outputs=[said]),
        code("shown = 'plain'", ("text/plain", "array([" + "0.125, " * 60 + "])")),
        v4.new_markdown_cell("## Losses\n\nLook at them."),
        code("figures.losses(run)", ("image/svg+xml", SVG), id="fig-losses"),
        code("plot(x)", ("image/png", PIXEL), id="any"),
        code("frame", ("text/html", FRAME)),
        code("plumbing = 1", tags=["hide-input"]),
        code("removed = 1", ("text/plain", "removed output"), tags=["remove-cell"]),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def shown(*files: str) -> nbformat.NotebookNode:
    """An executed notebook whose cells show figures, by the names of their files."""
    kinds = {"png": ("image/png", PIXEL), "svg": ("image/svg+xml", SVG)}
    cells = []
    for name, kind in (file.split(".") for file in files):
        picture = v4.new_output("display_data", dict([kinds[kind]]))
        cells.append(
            v4.new_code_cell(f"draw({name!r})", id=f"fig-{name}", outputs=[picture], execution_count=1)
        )
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def profile(path: Path, models: Iterable[str] = MODELS, epochs: int = 20) -> Path:
    """The profile of a made-up run, written to `path`."""
    chosen = {model: MODELS[model] for model in models}
    measure = dict.fromkeys(("n_checkpoint", "n_final", "n_distance"), synthetic.N)
    content = {"profile": "synthetic", "training": {"epochs": epochs}, "models": chosen, "measure": measure}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def made(folder: Path) -> Path:
    """The results folder in `folder`, with report.html, report.pdf and notebooks/*.html."""
    out = folder / "made-report"
    with FileLock(out.with_suffix(".lock")):  # pytest-xdist: one worker makes it
        if not (out / "report.pdf").exists():
            release.unpack(synthetic.RELEASED, out)
            (out / "notebooks").mkdir(exist_ok=True)
            for name in (*NOTEBOOKS, STALE):
                made_up = notebook(f"About {name}")
                made_up.cells += shown(*PAPER).cells if name == "04_compare_fid" else []
                nbformat.write(made_up, out / "notebooks" / f"{name}.ipynb")
            build.build(out, "paper")
    return out
