"""A release is checked wherever it is read."""

import json
import shutil

import pytest

from diffusion.files import sha256, write_json
from study import counterparts
from study.manifest import MANIFEST, verify
from workflow import release

DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "manifest.json is missing or damaged"),
        ({"note.txt": "short"}, "manifest.json is missing or damaged"),
        ({"note.txt": 5}, "manifest.json is missing or damaged"),
        ({"../note.txt": DIGEST}, "names '../note.txt', a place outside of the release"),
        ({"/etc/hostname": DIGEST}, "a place outside of the release"),
        ({"lost.txt": DIGEST}, "lost.txt is missing or not what was released"),
    ],
)
def test_a_manifest_that_is_none_is_refused_and_nothing_is_written(tmp_path, files, said):
    folder, note = tmp_path / "released", tmp_path / "note.txt"
    note.write_text("mine")
    write_json(folder / MANIFEST, {"profile": "x", "files": files})
    for read in (verify, lambda folder: release.unpack(folder, tmp_path / "out")):
        with pytest.raises(ValueError, match=said):
            read(folder)
    assert note.read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_a_file_list_that_is_said_twice_and_is_empty_then_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    known = json.dumps({"a.txt": sha256(tmp_path / "a.txt")})
    (tmp_path / MANIFEST).write_text(f'{{"files": {known}, "files": {{}}}}')
    with pytest.raises(ValueError, match="is missing or damaged"):
        verify(tmp_path)


def test_a_changed_table_of_a_release_that_a_report_reads_is_refused(tmp_path, monkeypatch):
    folder = shutil.copytree(release.RELEASED / "starts", tmp_path / "starts")
    monkeypatch.setattr(counterparts, "releases", lambda: tmp_path)
    opened = counterparts.opened.__wrapped__  # not kept from call to call
    assert opened("starts")
    path = folder / "metrics" / "measure_linear-1.json"
    path.write_text(path.read_text().replace('"frechet", null, 1', '"frechet", null, 2'))
    with pytest.raises(ValueError, match="measure_linear-1.json is missing or not what was released"):
        opened("starts")
