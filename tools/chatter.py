"""Keeps what Snakemake says about its own workings from burying the notebooks' progress."""

import logging
import re

from snakemake.logging import LogEvent

CHATTER = re.compile(
    r"Building DAG|Using shell|Select jobs|Execute \d+ jobs|Complete log|Shutting down|Elapsed"
)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a log record is worth a user's time: what will run, "2 of 8 steps (25%) done", every error."""
    if record.levelno > logging.INFO:
        return True
    if getattr(record, "event", None) in (LogEvent.JOB_FINISHED, LogEvent.RESOURCES_INFO):
        return False
    return not CHATTER.match(record.getMessage())
