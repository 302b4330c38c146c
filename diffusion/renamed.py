"""Names of earlier versions, and their new names.

`diffusion.bounds.refuse_old_names` refuses them in calls and classes, `report.parameters` in profiles.
"""

VERSION = "0.5.0"  # the version that renamed them
RENAMED = {  # where a name was used -> old name -> what to write instead
    "fit": {"aside": 'if_exists="rename"'},
    "measure": {"n_kind": "n_per_distortion", "inception_weights": 'more_features=["inception"]'},
    "Evaluator": {
        "of": "for_dataset",
        "main": "default_space",
        "words": "measure_names",
        "n_kind": "n_per_distortion",
        "inception_weights": 'more_features=["inception"]',
    },
    "DegradationProcess": {
        "compress": "to_pixels",
        "expand": "from_pixels",
        "take": "set_image_shape",
    },
    "profile": {
        "n_kind": "n_per_distortion",
        "inception_weights": "more_features: [inception]",
        "ways": "variants",
        "yardstick": "notebooks: {07_yardstick: {...}}",
        "compare": "notebooks: {NAME: {...}}",
        "analyse": "variants of a model, and measure: {n_probe: ...}",
        "ablations": "variants of a model",
        "n_way": "variants of a model, each with its own n",
        "calls": "variants of a model",
        "levels": "variants of a model",
        "noise": "variants of a model",
        "beyond": "report: {beside: [beyond]}",
        "starts": "report: {beside: [starts]}",
        "original": "report: {beside: [original]}",
    },
}


def renamed(where: str, name: str) -> str:
    """Return the end of a message about a renamed name, or an empty text."""
    new = RENAMED.get(where, {}).get(name)
    return f" (renamed in {VERSION}): use {new}" if new else ""
