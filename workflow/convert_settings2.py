"""One-off: settings of sampling in the released records are written as today; manifests are sealed again.

    python -m workflow.convert_settings2
"""

from pathlib import Path

from diffusion.files import read_json, sha256, write_json
from study.records import modern, sampling_of
from study.settings import Profile, read_profile
from workflow.jobs import PROFILES
from workflow.release import MANIFEST, RELEASED


def convert(path: Path, profile: Profile) -> None:
    """Write a record anew; ways to sample get the words of the profile, which must mean the same."""
    record, kind = read_json(path), path.name.partition("_")[0]
    if kind == "train":
        record["settings"] = modern(record["settings"])
    if kind == "measure":
        train = read_json(path.with_name(path.name.replace("measure", "train")))["settings"]
        wanted = profile.measures[record["model"]].ways
        variants = record["settings"].pop("variants", {})
        assert variants.keys() == record["ways"].keys() == wanted.keys(), path
        for name, way in record["ways"].items():
            now = {k: v for k, v in wanted[name].items()}
            assert way["changes"] == variants[name]
            assert sampling_of(train, way["changes"]) == sampling_of(train, now), (path, name)
            way["changes"] = variants[name] = now
        if variants:
            record["settings"]["ways"] = variants
    write_json(path, record)


if __name__ == "__main__":
    for name in ("paper", "beyond"):
        folder = RELEASED / name
        paths = sorted((folder / "metrics").glob("*.json"))
        for path in [p for p in paths if p.name[0] == "m"] + [p for p in paths if p.name[0] == "t"]:
            convert(path, read_profile(name, PROFILES))
        content = read_json(folder / MANIFEST)
        files = {file: sha256(folder / file) for file in content["files"]}
        write_json(folder / MANIFEST, content | {"files": files})
