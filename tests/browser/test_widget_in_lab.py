"""The widget in a real JupyterLab: it is shown, it paints, and the kernel gets start and image."""

import json
import os
import re
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest

CELL = """
import json
from pathlib import Path
import diffusion as d
from diffusion.play.widget import Dream

dream = Dream(d.released("beyond", "zoom_unet_noise"))

def tell(_):
    found = {"start": dream.start, "image": dream.image.flatten().tolist()}
    Path("new").write_text(json.dumps(found))
    Path("new").rename("seen.json")

dream.widget.observe(tell, "pixels")
dream
"""
OPTIONS = ["--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=", "--ServerApp.password="]
PATIENCE = 180_000  # milliseconds, on a busy machine


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab in tmp_path, with a notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "dream.ipynb")
    own = {
        name: str(tmp_path / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR")
    }
    own |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.root_dir={tmp_path}"]
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=os.environ | own, stderr=log, stdout=log)
    try:
        yield _address(tmp_path / "log", server)
    finally:
        server.terminate()
        server.wait(30)


def _address(log, server):
    for _ in range(600):
        if found := re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab", log.read_text()):
            return f"http://127.0.0.1:{found[1]}/lab"
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError("JupyterLab did not start")


@pytest.mark.long
def test_the_widget_paints_and_the_kernel_knows(open_page, lab, tmp_path):
    page = open_page(f"{lab}/tree/dream.ipynb")
    page.set_default_timeout(PATIENCE)
    page.get_by_text("| Idle").wait_for()  # the kernel is there; else JupyterLab asks for one
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    editor = page.locator(".play.notebook .editor").first
    editor.wait_for()
    page.locator(".play.notebook .dream[aria-busy=false]").wait_for()
    before = _seen(tmp_path / "seen.json", lambda found: True)
    box = editor.bounding_box()
    editor.click(position={"x": box["width"] / 8, "y": box["height"] / 8})
    painted = list(before["start"])
    painted[0] = -0.5 if painted[0] == 0.5 else 0.5
    after = _seen(tmp_path / "seen.json", lambda found: found["start"] == painted)
    assert np.ptp(after["image"]) > 0.5
    assert after["image"] != before["image"]
    editor.focus()
    page.keyboard.press("ArrowRight")  # is not the notebook's: its cell stays chosen
    assert "row 1, column 2" in page.locator(".play.notebook .easel .unseen").text_content()
    outside = [line for line in page.complaints if line.startswith("request to")]
    page.close()  # before its server
    page.complaints[:] = outside  # JupyterLab's own complaints are not ours


def _seen(path, wanted):
    for _ in range(PATIENCE // 200):
        if path.exists() and wanted(found := json.loads(path.read_text())):
            return found
        time.sleep(0.2)
    raise AssertionError(f"the kernel did not hear it: {path.read_text() if path.exists() else 'nothing'}")
