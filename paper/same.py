"""Training runs that are the same: a shorter run can be the beginning of a longer one.

The release `starts` contains shorter runs whose early epochs are all measured. Some of them repeat the first
epochs of a run in the release `paper`, bit for bit. Such a pair is one training, which counts once.
"""

from collections.abc import Iterable

from report.results.views import Results, Training


def losses(training: Training) -> list[float]:
    """The training loss of each epoch; reading is not noted."""
    rows = [row for row in training.job.rows if row.measure == "train_loss" and row.epoch is not None]
    return [row.value for row in sorted(rows, key=lambda row: row.epoch)]


def is_same(one: Training, other: Training) -> bool:
    """Whether two runs have the same losses, to the last digit, in all epochs that both of them have."""
    if (one.model, one.seed) != (other.model, other.seed):
        return False
    pairs = [*zip(losses(one), losses(other), strict=False)]
    return bool(pairs) and all(a == b for a, b in pairs)


def group(trainings: Iterable[Training]) -> list[list[Training]]:
    """Group runs that are the same training, the longest run of each first."""
    groups: list[list[Training]] = []
    for training in trainings:
        known = next((same for same in groups if is_same(same[0], training)), None)
        if known is None:
            groups.append([training])
        else:
            known.append(training)
    return [sorted(same, key=lambda one: -one.train.unread["epochs"]) for same in groups]


def list_trainings(runs: Iterable[Results]) -> list[list[Training]]:
    """All training runs of several releases, grouped by training."""
    return group(training for run in runs for training in run.trainings.values())
