"""A full disk costs no earlier result, and the run goes on once there is room."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest

from diffusion.files import write_bytes
from diffusion.training.folder import RunError, RunFolder
from helpers import assert_same, content, needs_linux, stopped, train
from report.files import write_json
from report.results import kept, table

pytestmark = needs_linux


@contextmanager
def files_at_most(size):
    """No file may grow beyond `size` bytes; writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("size", "checkpoint_steps", "named"), [(300_000, 1, "state.pt"), (100_000, 100, "epoch-0002")]
)
def test_where_files_cannot_grow_the_earlier_ones_stay_and_the_run_goes_on_later(
    images, tmp_path, whole, size, checkpoint_steps, named
):
    left = stopped(images, tmp_path, 7)
    before, said = content(left.path), rf"^\S*{named}\S* could not be written .*earlier state is intact.*$"
    with files_at_most(size), pytest.raises(RunError, match=said):
        train(images, tmp_path, checkpoint_steps=checkpoint_steps)
    assert content(left.path) == before
    assert_same(train(images, tmp_path), whole)


WRITERS = {  # each writes a file of a size that grows with n
    "bytes": lambda folder, n: write_bytes(folder / "a", bytes(n)),
    "JSON": lambda folder, n: write_json(folder / "a", [0] * n),
    "images": lambda folder, n: kept.keep(
        folder, "a", np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    ),
    "rows": lambda folder, n: table.write(folder, "a", {"job": "a"}, [table.row("ink", 0.5)] * n),
    "part of a run": lambda folder, n: RunFolder(folder).keep("a", [0] * n),
    "history": lambda folder, n: RunFolder(folder).write_history([{"epoch": 1}] * n),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path, kind):
    WRITERS[kind](tmp_path, 1)
    before = content(tmp_path)
    assert len(before) == 1
    with files_at_most(1500), pytest.raises((OSError, RunError)):
        WRITERS[kind](tmp_path, 5000 if kind != "images" else 20)
    assert content(tmp_path) == before
