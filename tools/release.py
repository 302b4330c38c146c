"""Keep the results of a run under released/, and make the report from there without training.

    python tools/release.py PROFILE    keep build/PROFILE as released/PROFILE

A release has the records of all notebooks, with losses, distances, parameters, versions and hashes; the
figures; the executed notebooks; the last weights of every model; the report as PDF; and a manifest with the
SHA-256 of each of these files. Checkpoints and samples are left out: the same seeds make them again.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of tools/

from diffusion import parameters  # noqa: E402
from diffusion.files import read_json, sha256, write_bytes, write_json  # noqa: E402
from report import build, results  # noqa: E402
from report import profile as profiles  # noqa: E402
from tools import outputs  # noqa: E402

RELEASED = ROOT / "released"
MANIFEST = "manifest.json"
PDF = "report.pdf"


def names(out: Path, config: dict) -> list[str]:
    """The files of a release, relative to the results folder.

    Raises:
        ValueError: a record is missing or malformed, or the records do not belong together.
    """
    run = results.load(out)
    seeds = parameters.seeds(config)
    found = [PDF, *results.notebooks(run)]
    for one in (run, *run.others):
        others = seeds[1:] if one is run else []
        files = outputs.SCHEDULES + outputs.of_comparison(list(one.train), others)
        for model, record in one.train.items():
            files += outputs.of_training(record["notebook"], model)
            files += [f"{record['run']}/history.jsonl", record["weights"]["file"]]
        prefix = Path(outputs.of_seed(".", one.seed, seeds))
        found += [(prefix / file).as_posix() for file in files]
    for one in run.again:
        files = outputs.of_again(one.train["notebook"], one.model)
        files += [f"{one.train['run']}/history.jsonl", one.train["weights"]["file"]]
        found += [f"{one.folder}/{file}" for file in files]
    return found


def release(out: Path, profile: str, target: Path) -> Path:
    """Keep the results in `out`, made with `profile`, as the folder `target`; returns it.

    An earlier release is replaced only when the new one is complete.

    Raises:
        ValueError: results are missing, or of other parameters, or weights are not those of their record.
    """
    name, config = profiles.read(profile)
    if not (out / "metrics").is_dir():
        raise ValueError(f"{out} has no results to release; run `make retrain PROFILE={name}` first")
    run = results.load(out)
    profiles.check_run(run, name, config)
    results.check_code(run)
    files = names(out, config)
    if missing := [file for file in files if not (out / file).is_file()]:
        how = f"`make retrain PROFILE={name}`, or `make again` for what is in again/,"
        raise ValueError(f"{out} lacks {', '.join(missing)}; run {how} first")
    trained = [(out / one.folder, one.train) for one in run.again]
    for one in (run, *run.others):
        folder = Path(outputs.of_seed(str(out), one.seed, parameters.seeds(config)))
        trained += [(folder, record) for record in one.train.values()]
    for folder, record in trained:
        weights = folder / record["weights"]["file"]
        if sha256(weights) != record["weights"]["sha256"]:
            raise ValueError(f"{weights} is not the file that its record names (sha256 differs)")
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    for file in files:
        write_bytes(new / file, (out / file).read_bytes())
    write_json(
        new / MANIFEST, {"profile": name, "files": {file: sha256(new / file) for file in sorted(files)}}
    )
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return target


def verify(folder: Path) -> dict[str, str]:
    """The files of a release and their SHA-256, once each has been found to have it.

    Raises:
        ValueError: a file is missing or another one, or the manifest names a place outside the release.
    """
    files = read_json(folder / MANIFEST)["files"]
    for file, expected in files.items():
        path = folder / file
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{folder / MANIFEST} names {file!r}, which lies outside {folder}")
        if not path.is_file() or sha256(path) != expected:
            raise ValueError(
                f"{path} is not the file that was released (missing, or its sha256 differs); "
                "get the release again, with git for example"
            )
    return files


def report(folder: Path, profile: str, out: Path, own: Path | None = None) -> list[Path]:
    """Make the report in `out` from the released records in `folder`; returns the written files.

    It takes in the further trainings in `own`/again, a results folder of this machine, that are finished.

    Raises:
        ValueError: the release is damaged, or was made with other parameters than the profile's.
    """
    files = verify(folder)
    for path in out.glob("again/*"):  # of an earlier release, or taken in before
        shutil.rmtree(path)
    for file, expected in files.items():
        path = out / file
        if file != PDF and not (path.is_file() and sha256(path) == expected):
            write_bytes(path, (folder / file).read_bytes())
    for record in own.glob("again/*/metrics/compare.json") if own else ():
        name = record.parents[1].name
        for part in ("metrics", "figures", "notebooks") if not (folder / "again" / name).exists() else ():
            shutil.copytree(record.parents[1] / part, out / "again" / name / part, dirs_exist_ok=True)
    return build.build(out, profile, released=True)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        name, config = profiles.read(sys.argv[1])
        folder = release(ROOT / outputs.folder(config), sys.argv[1], RELEASED / name)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder.relative_to(ROOT)} holds the results of {name}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
