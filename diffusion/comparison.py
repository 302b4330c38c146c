"""Trained models side by side: their checkpoints, their samples, and how far these are from real images."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from diffusion import devices, processes, sampling
from diffusion.files import sha256
from diffusion.network import Reconstructor
from diffusion.process import DegradationProcess
from diffusion.runs import RunFolder, load_weights, measured_epochs
from diffusion.yardstick import Yardstick

FINAL_EPOCHS = 0.2  # of training: whose checkpoints speak for its end, the last one among them


@dataclass
class Model:
    """A trained model, as its record describes it."""

    name: str
    record: dict
    process: DegradationProcess
    out: Path
    precision: str

    @classmethod
    def load(cls, name: str, record: dict, x_train: Tensor, out: Path, precision: str) -> "Model":
        """From a training record; `x_train` are the images that its process learns its seeds from."""
        process = processes.build(record["process"], record["parameters"])
        process.prepare(x_train[: record["parameters"]["n_train"]])
        precision = devices.resolve_precision(precision, devices.accelerator().device)
        return cls(name, record, process, out, precision)

    def epochs(self, every: int) -> list[int]:
        """The checkpoints to measure: the first, every so many, and the last."""
        return measured_epochs(self.record["epochs"], every)

    def samples(self, n: int, seed: int, epoch: int | None = None) -> Tensor:
        """n samples after an epoch (None: the last), (n, 1, 28, 28), drawn once and kept in OUT/samples.

        Raises:
            RunError: the weights are missing, or not those of the record.
        """
        last = self.record["epochs"]
        epoch = epoch or last
        path = RunFolder(self.out / self.record["run"]).weights(epoch)
        expected = self.record["weights"]["sha256"] if epoch == last else None
        network = Reconstructor(self.record["parameters"]["channels"])
        network = load_weights(path, network, expected).to(devices.accelerator().device)
        title = f"{self.name}: {n} samples after epoch {epoch}"
        return sampling.draw(
            self.process,
            network,
            sha256(path),
            n,
            seed,
            self.out / "samples",
            self.precision,
            title,
        )

    def curve(self, yardstick: Yardstick, n: int, every: int, seed: int, begin: float = 0) -> list[dict]:
        """Distances and quality of n samples after each checkpoint, one dict an epoch (Figs. 4 and 13).

        `begin` is the part of training before which nothing is measured.
        """
        rows, n_variety = [], min(n, len(yardstick.x_test))
        for epoch in (e for e in self.epochs(every) if e >= begin * self.record["epochs"]):
            samples = self.samples(n, seed, epoch)
            distances, features = yardstick.distances(samples)
            variety = yardstick.variety(features["digits"], n_variety)
            rows.append({"epoch": epoch, "variety": variety} | distances | yardstick.qualities(samples))
            print(f"{self.name}: epoch {epoch}, {_summary(distances)}", flush=True)
        return rows

    def final(self, yardstick: Yardstick, n: int, n_distance: int, n_variety: int, seed: int) -> dict:
        """Distances of the first `n_distance` of n samples of the last epoch, and the quality of all n.

        Distances of different numbers of images cannot be compared, nor can divergences of their classes,
        which come from the same first samples; give all models the same `n_distance`.
        """
        samples = self.samples(n, seed)
        distances, features = yardstick.distances(samples[:n_distance])
        print(f"{self.name}: {n_distance} samples of the last epoch, {_summary(distances)}", flush=True)
        floors = {name: yardstick.floor(name, n_distance) for name in yardstick.extractors}
        about = {"n": n_distance, "n_classes": n, "epoch": self.record["epochs"], "floor": floors}
        about |= {"variety": yardstick.variety(features["digits"], n_variety)}
        return about | distances | yardstick.qualities(samples, n_distance)


def panels(
    curves: dict[str, list[dict]], names: list[str], floors: dict[str, dict | None], noun: str = "digit"
) -> dict:
    """The curves of some models, one panel an extractor, as `figures.distance_panels` takes them.

    `noun` is what a class of the data set is called: it names the features of its classifier.
    """
    out, adjective = {}, {"digits": noun, "inception": "Inception"}
    for extractor in (e for e in adjective if curves[names[0]][0][e]):
        rows = {
            name: [row[extractor] | {"epoch": row["epoch"], "value": row[extractor]["fid"]} for row in curve]
            for name, curve in curves.items()
            if name in names
        }
        floor = floors[extractor]
        pair = (floor["fid_mean"], floor["fid_sd"]) if floor else None
        out[f"Fréchet distance, {adjective[extractor]} features"] = rows, pair
    return out


def _summary(distances: dict[str, dict | None]) -> str:
    known = {name: found for name, found in distances.items() if found is not None}
    return ", ".join(f"{name} distance {found['fid']:.3f}" for name, found in known.items())
