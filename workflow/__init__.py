"""The workflow's commands: what runs the jobs, releases and converts."""

import sys

_usual = sys.excepthook
# Ctrl-C while modules are imported is no error either.
sys.excepthook = lambda kind, *rest: None if issubclass(kind, KeyboardInterrupt) else _usual(kind, *rest)
