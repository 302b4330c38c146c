"""Progress of long work: the remaining time, also of a run that goes on where an earlier one stopped."""

import io
import sys
from types import SimpleNamespace

import pytest

from diffusion import progress


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """A clock that stands still unless its `now` is set; tqdm keeps its own."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.mark.parametrize("before", [0, 400])
def test_the_remaining_time_is_of_the_steps_that_took_time(clock, capsys, before):
    with progress.Progress("training", total=500) as bar:
        bar.advance(before)  # as training does: the steps of the epoch that an earlier process did
        clock.now += 10
        bar.advance(20, loss=0.5)
    left = progress.clock((500 - before - 20) * 10 / 20)
    assert capsys.readouterr().out == f"training: step {before + 20}/500, loss 0.5, {left} left\n"


def test_a_pause_before_anything_is_done_is_no_error(clock, capsys):
    with progress.Progress("training", total=500) as bar:
        clock.now += 60
        bar.advance(0)
    assert "step 0/500" in capsys.readouterr().out


def test_lines_come_no_more_often_than_they_should_and_none_where_they_are_not_wanted(clock, capsys):
    for enabled, lines in ((True, 3), (False, 0)):
        with progress.Progress("training", total=500, enabled=enabled) as bar:
            for _ in range(35):
                clock.now += 1
                bar.advance()
        assert len(capsys.readouterr().out.splitlines()) == lines


def test_the_bar_on_a_terminal_begins_where_the_earlier_process_stopped(clock, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.Progress("training", total=500) as bar:
        bar.advance(400)
        assert (bar.bar.n, bar.bar.initial) == (400, 400)
        clock.now += 10
        bar.advance(20)
        assert (bar.bar.n, bar.bar.initial) == (420, 400)
    assert "400/500" in terminal.getvalue()
