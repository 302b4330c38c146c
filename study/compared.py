"""The trainings that notebooks 04 and 06 compare; what was trained by hand is recorded and measured first."""

from diffusion.files import read_json
from diffusion.progress import one_line
from diffusion.training.checkpoints import RunError
from study.measure import measure
from study.record import trained
from study.results import Results, load, trainings_in
from study.settings import Compare, Compares
from study.table import path_of


def measured(P: Compares) -> Results:
    """The results to compare, measured first where they are not yet; ValueError: there is no training."""
    found = sorted(P.out.glob("trained/*.json")) if isinstance(P, Compare) and not P.released else []
    with one_line():
        for name in (path.stem for path in found):
            try:
                train = read_json(trained(P.out, name, data_dir=P.data_dir))
            except (ValueError, RunError) as error:
                print(f"note: {name} is left out: {error}", flush=True)
                continue
            path = path_of(P.out, f"measure_{name}")
            if not path.is_file() or read_json(path)["weights_sha256"] != train["weights"]["sha256"]:
                measure(P.out, train["model"], train["seed"], P.measure())
    if not (pairs := trainings_in(P.place, P.models)):
        raise ValueError(f"no trained model in {P.place}: run notebook 02 or 03 with this out_dir first")
    return load(P.place, pairs).labelled(P.labels)
