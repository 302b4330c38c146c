"""Controls: the samples of a trained model drawn again with one thing changed, from the same seed."""

from dataclasses import replace

from torch import Tensor

from diffusion import metrics, quality
from diffusion.comparison import FINAL_EPOCHS, Model
from diffusion.ddpm import DDPM
from diffusion.yardstick import Yardstick
from diffusion.zoom import ColdZoom

SHOWN = ("not_digit", "background", "border", "outside", "minimum", "maximum")


def from_patches(model: Model) -> Model:
    """The same zoom, with whole central patches of training images as seeds, not independent pixels.

    The two differ only in whether neighbouring pixels of a seed belong together.
    """
    process = ColdZoom(model.process.T, model.process.interpolation, "patches")
    process.seed_distribution, process.patches = model.process.seed_distribution, model.process.patches
    return replace(model, process=process)


def seed_sources(model: Model, yardstick: Yardstick, n: int, n_variety: int, seed: int) -> dict:
    """n samples of a zoom after the last epoch from both kinds of seeds (see `from_patches`)."""
    out = {}
    for name, source in (("independent", model), ("patches", from_patches(model))):
        samples = source.samples(n, seed)
        found = yardstick.qualities(samples)
        variety = yardstick.variety(yardstick.features(samples), n_variety)
        out[name] = {"n": n, "variety": variety} | {key: found[key] for key in ("not_digit", "classes")}
    return out


def patches_at_the_end(model: Model, yardstick: Yardstick, n: int, every: int, seed: int) -> list[dict]:
    """The curve of the zoom that starts from patches, over its final epochs (see `Model.curve`)."""
    return from_patches(model).curve(yardstick, n, every, seed, begin=1 - FINAL_EPOCHS)


def clipping(model: Model, yardstick: Yardstick, n: int, seed: int) -> dict:
    """n samples of a DDPM with and without clipping the predicted clean image in each step.

    Network, noise and steps are the same, so that the difference is the clipping's.

    Returns:
        "off" and "on", the measures of each, and their "gap" (see `_in_pairs`).
    """
    ddpm = model.process
    how = {"off": False, "on": True}
    drawn = {
        name: replace(model, process=DDPM(ddpm.schedule, clip, ddpm.sampling_steps)).samples(n, seed)
        for name, clip in how.items()
    }
    return _in_pairs(yardstick, drawn)


def float32(model: Model, yardstick: Yardstick, n: int, seed: int) -> dict:
    """n samples of a model with its network computed in bfloat16, and in float32.

    Weights, noise and steps are the same, so that the difference is that of the precision of sampling; what
    training in float32 would change is not in it.

    Returns:
        "bf16" and "fp32", the measures of each, and their "gap" (see `_in_pairs`).
    """
    drawn = {name: replace(model, precision=name).samples(n, seed) for name in ("bf16", "fp32")}
    return _in_pairs(yardstick, drawn)


def _in_pairs(yardstick: Yardstick, drawn: dict[str, Tensor]) -> dict:
    """The measures of two sets of samples from the same noise, and the second minus the first.

    Returns:
        {name: measures, for both; "gap": {"digits", "background"}, with intervals, image by image}.
    """
    out, images, features = {}, [], []
    for name, samples in drawn.items():
        distances, by_extractor = yardstick.distances(samples)
        found = yardstick.qualities(samples)
        out[name] = {"n": len(samples), "digits": distances["digits"]} | {key: found[key] for key in SHOWN}
        images.append(metrics.to_uint8(samples))
        features.append(by_extractor["digits"])
    first, second = features
    repeats, seed = yardstick.interval_repeats, yardstick.seed
    gap = metrics.frechet_gap(yardstick.references["digits"], second, first, repeats, seed)
    return out | {"gap": {"digits": gap, "background": quality.background_gap(images[1], images[0])}}
