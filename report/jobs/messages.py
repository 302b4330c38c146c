"""One-line errors of a command: a mistake in a profile, results that do not fit, a full disk."""

import sys
from pathlib import Path

_print_traceback = sys.excepthook


def install() -> None:
    """Make Python print ValueError, OSError and a held lock in one line, without a traceback."""
    sys.excepthook = _print_line


def _print_line(kind, error, trace) -> None:
    from filelock import Timeout

    if isinstance(error, Timeout):
        folder = Path(error.lock_file).parent
        print(f"error: another command is working on {folder}; wait for it, or stop it", file=sys.stderr)
    elif isinstance(error, ValueError | OSError):
        print(f"error: {error}", file=sys.stderr)
    elif not isinstance(error, KeyboardInterrupt):  # the user stopped the command
        _print_traceback(kind, error, trace)
