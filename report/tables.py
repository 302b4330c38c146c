"""The report's tables: rows from records, one a training, a claim or a setting, as Markdown."""

from collections.abc import Callable, Iterable
from typing import Any

from diffusion.evaluation.interval import Interval
from diffusion.evaluation.results import Real
from report.sources import mean
from report.study import DDPMS
from report.text_format import (
    DASH,
    FIXED,
    Markdown,
    code,
    duration,
    escape,
    fixed,
    integer,
    listing,
    num,
    percent,
    percent_span,
    shown,
    spread,
    table,
)
from report.verdicts.case import (
    at_end,
    coverage,
    divergence,
    full,
    low_confidence,
)
from study.blind import TITLES, Blind
from study.records import Final, Results, Trained

REAL = Markdown("Real images")
MACHINE = ["python", "torch", "torchvision", "torchmetrics"]
MACHINE += ["platform", "device", "device_name", "cores", "threads"]


def trained(results: Results) -> list[tuple[Markdown, Trained]]:
    """Every training with its name in tables: the model's label, and the seed where it has several."""
    several = {m for m in results.models if len(results.seeds(m)) > 1}
    return [
        (Markdown(escape(one.train.label) + (f", seed {one.seed}" if one.model in several else "")), one)
        for one in results.trainings.values()
    ]


# --- samples ---


def summary(results: Results, original: Results | None = None) -> Markdown:
    """A row for every training, and one for real images: losses, distances, and the look of samples.

    Args:
        original: the study's weights, which have one checkpoint each.
    """
    ones, rows = trained(results), []
    analysed = bool(results.yardstick) and any(one.analysis for _, one in ones)
    for name, one in ones + (trained(original) if original else []):
        late_fids = [row.frechet.value for row in one.measure.late()]
        middle, low, high = (fixed(x, 1) for x in (mean(late_fids), min(late_fids), max(late_fids)))
        row = [Markdown(name.replace(" ", FIXED)), num(one.train.history[-1].test_loss)]
        row += [Markdown(f"{middle}{FIXED}({f'{low}–{high}' if len(late_fids) > 1 else 'last'})")]
        row += [percent(at_end(one.measure, low_confidence).value)]
        if analysed:
            row.append(percent(drawn.digit.value) if (drawn := full(one.analysis)) else DASH)
        rows.append([*row, *(fixed(at_end(one.measure, of).value) for of in (coverage, divergence))])
    measure = ones[0][1].measure
    real, floor = measure.real, measure.floors.get("digits")
    row = [REAL, DASH, fixed(floor.mean) if floor else DASH, percent(real.low_confidence.value)]
    if analysed:
        used = next(c for c in results.yardstick.candidates if c.name == results.yardstick.used)
        row.append(percent(used.accepted["unchanged"]))
    rows.append([*row, fixed(real.variety.coverage.value), num(real.divergence_floor.mean, 1)])
    head = ["Model", "Test loss", "Distance", "Low conf.", *["Digits"] * analysed, "Coverage", "Divergence"]
    return table(head, rows, "lrlr" + "r" * (2 + analysed))


def drawn(results: Results) -> Markdown:
    """Ink, strokes and size of the final samples of every training, and of real images: means and spreads."""
    ones = [(name, one.measure.final) for name, one in trained(results)]
    rows = [[name, *map(_drawn, (of.ink, of.stroke, of.height, of.width))] for name, of in ones]
    real = ones and next(iter(results.trainings.values())).measure.real
    rows.append([REAL, *map(_drawn, (real.ink, real.stroke, real.height, real.width))])
    return table(["Model", "Ink", "Stroke width", "Height", "Width"], rows, "lllll")


def _drawn(found: Interval | None) -> Markdown:
    """A mean with its interval, and the spread over images."""
    return Markdown(f"{shown(found)}; {num(found.sd, 2)}") if found else DASH


def by_eye(blind: Blind) -> Markdown:
    """Shares of digits in the blind comparison, by eye and by the recogniser: a source a row."""
    rows = [
        (TITLES[name], percent_span(one.digit, 0), percent(one.accepted.value))
        for name, one in blind.sources.items()
    ]
    return table(["Images", "Read as a digit", "By the recogniser"], rows, (30, 20, 16))


def finals(results: Results) -> Markdown:
    """The samples of every finished training, with the distance in each kind of features, and real images."""
    ones, rows = trained(results), []
    others = list(dict.fromkeys(f for _, one in ones for f in one.measure.final.distances))

    def of_looks(of: Final | Real) -> list[Any]:
        v = of.variety
        return [fixed(v.precision.value), fixed(v.recall.value), num(of.background.value, 2)]

    for name, final in ((name, one.measure.final) for name, one in ones):
        d, more = final.frechet, [final.distances.get(f) for f in others]
        kid = Markdown(f"{num(d.kid.mean, 2)} ± {num(d.kid.sd, 1)}")
        row = [name, final.n, shown(d), kid]
        rows.append([*row, *(num(x.value) if x else DASH for x in more), *of_looks(final)])
    real, final = ones[0][1].measure.real, ones[0][1].measure.final
    floors = {f: num(x.mean, 2) for f, x in final.floors.items()}
    row = [REAL, final.n, floors.get("digits", DASH), DASH, *(floors.get(f, DASH) for f in others)]
    rows.append([*row, *of_looks(real)])
    head = ["Model", "$n$", "Distance", "KID", *map(str.capitalize, others)]
    head += ["Precision", "Recall", "Grey"]
    return table(list(map(Markdown, head)), rows, "lrll" + "r" * (3 + len(others)))


def clipping(results: Results, models: Iterable[str]) -> Markdown:
    rows = []
    for one in map(results.first, models):
        found = one.measure.ablations.clipping
        for how, c in (("off", found.first), ("on", found.second)):
            row = [one.train.label, how, c.n, spread(c.border.mean, c.border.sd)]
            row += [shown(c.background, num, 2), percent_span(low_confidence(c), 0), shown(c.frechet)]
            rows.append(row)
    head = ["Model", "Clipping", "$n$", "Border, raw", "Border, seen", "Low-confidence share", "Distance"]
    return table(list(map(Markdown, head)), rows, "llrllll")


# --- schedules ---


def schedules(results: Results) -> Markdown:
    s = results.schedules
    both, early = (s.linear, s.cosine), (s.early.linear, s.early.cosine)
    rows = [
        [f"$\\bar\\alpha_t$ at $t = {s.early.t}$", *(fixed(x.alpha_bar, 3) for x in early)],
        ["Amplitude of the signal, $\\sqrt{\\bar\\alpha_t}$", *(fixed(x.signal, 3) for x in early)],
        ["Amplitude of the noise, $\\sqrt{1-\\bar\\alpha_t}$", *(fixed(x.noise, 3) for x in early)],
        [
            "Correlation of $\\mathbf{x}_t$ with $\\mathbf{x}_0$",
            *(Markdown(f"{fixed(x.correlation)} ± {fixed(x.correlation_sd)}") for x in early),
        ],
        ["Mean of $\\bar\\alpha_t$ over all steps", *(fixed(s.mean_step[m], 3) for m in DDPMS)],
        ["Steps with $0.05 < \\bar\\alpha_t < 0.95$", *(integer(s.informative_steps[m]) for m in DDPMS)],
        ["Steps with clipped $\\beta_t$", *(integer(x.clipped_steps) for x in both)],
        ["Signal left at the end, $\\sqrt{\\bar\\alpha_T}$", *(num(x.signal_T, 2) for x in both)],
    ]
    return table([Markdown(" "), "Linear", "Cosine"], [[Markdown(name), *cells] for name, *cells in rows])


# --- reproducibility ---


def cost(results: Results) -> Markdown:
    rows = []
    for name, one in trained(results):
        t, weights = one.train, Markdown(f"{code(one.train.weights.sha256[:12])}…")
        rows.append([name, t.epochs, t.steps, duration(t.seconds_per_step), duration(seconds(one)), weights])
    head = ["Model", "Epochs", "Steps", "Time per step", "Time in all", "Weights (SHA-256)"]
    return table(list(map(Markdown, head)), rows, "lrrrrl")


def seconds(one: Trained) -> float:
    """Cost of a training."""
    return sum(line.seconds for line in one.train.history)


def environment(results: Results) -> Markdown:
    """Versions and machine, one row each; first what most records have, then others and whose they are."""
    records = {Markdown("schedules"): results.schedules}
    for name, one in trained(results):
        records |= {name: one.train, Markdown(f"measuring of {name}"): one.measure}
    keys = dict.fromkeys(key for record in records.values() for key in record.environment)
    rows = []
    for key in sorted(keys, key=lambda k: MACHINE.index(k) if k in MACHINE else len(MACHINE)):
        found: dict[str, list[str]] = {}
        for name, record in records.items():
            if key in record.environment:
                found.setdefault(word(record.environment[key]), []).append(name)
        usual, *rest = sorted(found.items(), key=lambda pair: -len(pair[1]))
        shown = [code(usual[0]), *(Markdown(f"{code(value)} ({listing(who)})") for value, who in rest)]
        rows.append([key.replace("_", " "), Markdown("; ".join(shown))])
    hashes = {}
    for _, one in trained(results):
        hashes |= {name: found.sha256 for name, found in one.measure.features.items() if found.sha256}
    rows += [[Markdown(f"{e} features (SHA-256)"), code(value)] for e, value in hashes.items()]
    return table(["Item", "Value"], rows, "ll")


def settings(results: Results, of: Callable[[Trained], Any]) -> Markdown:
    """The settings of one record of each model, a row each; a seed row lists all seeds."""
    columns = {m: dict(of(results.first(m)).settings) for m in results.models}
    for model, values in columns.items():
        values["seed"] = results.seeds(model)
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [
        [code(n), *(code(word(v[n], n)) if v.get(n, "") != "" else DASH for v in columns.values())]
        for n in names
    ]
    return table(["Setting", *columns], rows, "l" * (len(columns) + 1))


def word(value: Any, name: str = "") -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} = {word(v)}" for k, v in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:  # in numbers of images it stands for all
        return "all" if name.startswith("n_") else "default"
    return f"{value:g}" if isinstance(value, float) else str(value)
