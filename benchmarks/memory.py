"""Peak memory of a training of all images, in a process of its own, for two numbers of epochs."""

from typing import Any

from benchmarks import child
from benchmarks.figures import AT_MOST, figure
from benchmarks.settings import Settings

FLAT = 1.05  # the longer training's peak over the shorter one's, at most


def measure(settings: Settings) -> dict[str, Any]:
    found = {
        epochs: child.run(
            "fit", process="ddpm", epochs=epochs, n_train=settings.n_train, batch=settings.batch
        )
        for epochs in settings.memory_epochs
    }
    short, long = settings.memory_epochs
    peak = {epochs: run["peak"] / 1024 for epochs, run in found.items()}  # GiB
    loaded, libraries = (found[short][when] / 1024 for when in ("before", "start"))
    remark = (
        f"{peak[short]:.3f} GiB for {short} and {peak[long]:.3f} GiB for {long} epochs of "
        f"{settings.n_train or 60000:,} images; {loaded:.3f} GiB before training, images and libraries, "
        f"the latter {libraries:.3f} GiB"
    )
    values = {"median": max(peak.values()), "low": min(peak.values()), "high": max(peak.values())}
    line = figure(
        "peak memory of training, flat in epochs",
        AT_MOST,
        1.0,
        values | {"rounds": len(peak)},
        unit="GiB",
        holds=peak[long] <= FLAT * peak[short],
        remark=remark,
    )
    return {"figures": [line], "details": {str(epochs): run for epochs, run in found.items()}}
