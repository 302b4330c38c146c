"""The widget in a real JupyterLab: it is shown, it paints, and the kernel gets start and image."""

import json
import os
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from playwright.sync_api import expect

from conftest import until

CELL = """
import json
from pathlib import Path
import diffusion as d
from play.widget import Dream

dream = Dream(d.released("beyond", "zoom_unet_noise"))

def tell(_):
    found = {"start": dream.start, "image": dream.image.flatten().tolist()}
    Path("new").write_text(json.dumps(found))
    Path("new").rename("seen.json")

dream.widget.observe(tell, "pixels")
dream
"""
OPTIONS = ["--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=", "--ServerApp.password="]
FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
PATIENCE = 180  # seconds, on a busy machine


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab in tmp_path, with a notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "dream.ipynb")
    own = {name: str(tmp_path / name) for name in FOLDERS} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.root_dir={tmp_path}"]
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=tmp_path, env=os.environ | own, stderr=file, stdout=file)
    try:
        address = re.compile(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab")
        until(lambda: address.search(log.read_text()) or server.poll() is not None, PATIENCE)
        yield f"http://127.0.0.1:{address.search(log.read_text())[1]}/lab"
    finally:
        server.terminate()
        server.wait(PATIENCE)


@pytest.mark.long
def test_the_widget_paints_and_the_kernel_knows(open_page, lab, tmp_path):
    page, file = open_page(f"{lab}/tree/dream.ipynb"), tmp_path / "seen.json"

    def seen():
        return json.loads(file.read_text()) if file.exists() else {}

    page.set_default_timeout(1000 * PATIENCE)
    page.get_by_text("| Idle").wait_for()  # the kernel is there; else JupyterLab asks for one
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    editor = page.locator(".play.notebook .editor").first
    editor.wait_for()
    page.locator(".play.notebook .dream[aria-busy=false]").wait_for()
    before = until(seen, PATIENCE)
    box = editor.bounding_box()
    editor.click(position={"x": box["width"] / 8, "y": box["height"] / 8})
    painted = [-0.5 if before["start"][0] == 0.5 else 0.5, *before["start"][1:]]
    assert until(lambda: seen()["start"] == painted, PATIENCE), f"the kernel did not hear it: {seen()}"
    after = seen()
    assert np.ptp(after["image"]) > 0.5
    assert after["image"] != before["image"]
    editor.focus()
    page.keyboard.press("ArrowRight")  # is not the notebook's: its cell stays chosen
    expect(page.locator(".play.notebook .easel .unseen")).to_contain_text("row 1, column 2")
    outside = [line for line in page.complaints if line.startswith("request to")]
    page.close()  # before its server
    page.complaints[:] = outside  # JupyterLab's own complaints are not ours
