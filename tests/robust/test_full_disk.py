"""A full disk costs no earlier result, and the run goes on once there is room."""

import resource
from contextlib import contextmanager

import pytest

from diffusion.training.folder import RunError
from helpers import assert_same, content, needs_linux, stopped, train

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
