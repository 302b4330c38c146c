"""The report's tables: rows from records, one a training, a claim or a setting, as Markdown."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from diffusion.records import Final, Results, Trained
from report.claims.looks import full
from report.estimates import (
    LAST,
    NAME,
    Case,
    Estimate,
    Measure,
    at_end,
    coverage,
    distance,
    divergence,
    extreme_centre,
    late,
    not_recognised,
)
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
    near_one,
    num,
    percent,
    percent_span,
    span,
    spread,
    table,
)

whole = partial(percent_span, decimals=0)
ROWS = 8  # of a table that samples a long list
MACHINE = (
    "python",
    "torch",
    "torchvision",
    "torchmetrics",
    "platform",
    "device",
    "device_name",
    "cores",
    "threads",
)


def trained(results: Results) -> list[tuple[Markdown, Trained]]:
    """Every training with its name in tables: the model's label, and the seed where it has several."""
    several = {m for m in results.models if len(results.seeds(m)) > 1}
    return [
        (Markdown(escape(one.train.label) + (f", seed {one.seed}" if one.model in several else "")), one)
        for one in results.trainings.values()
    ]


def measured(results: Results) -> list[tuple[Markdown, Trained]]:
    return [(name, one) for name, one in trained(results) if one.measure]


# --- samples ---


def summary(results: Results) -> Markdown:
    """A row for every training, and one for real images: losses, distances, and the look of samples."""
    fid, rows = distance("digits"), []
    analysed = bool(results.yardstick) and any(one.analysis for _, one in measured(results))
    for name, one in measured(results):
        final, end = one.measure.final, at_end(one.measure, not_recognised)
        late_rows = [fid(row).value for row in one.measure.late()]
        mean = fixed(sum(late_rows) / len(late_rows), 1)
        rows.append(
            [
                Markdown(name.replace(" ", FIXED)),
                num(one.train.history[-1].test_loss),
                Markdown("one image") if final.constant else fid(final).shown(partial(span, digits=3)),
                Markdown(
                    f"{mean} ({fixed(min(late_rows), 1)}–{fixed(max(late_rows), 1)})".replace(" ", FIXED)
                ),
                percent(end.value),
                *(
                    [percent(drawn.digit.share) if (drawn := full(one.analysis)) else DASH]
                    if analysed
                    else []
                ),
                fixed(at_end(one.measure, coverage).value),
                fixed(at_end(one.measure, divergence).value),
            ]
        )
    if rows:
        one = measured(results)[0][1].measure
        floors = [x.get("digits") for x in (one.final.floor, one.floor)]
        shown = [fixed(x.fid_mean) if x else DASH for x in floors]
        accepted = (
            [c for c in results.yardstick.candidates if c.name == results.yardstick.used] if analysed else []
        )
        real = [percent(one.real.not_digit.share), *(percent(c.accepted["unchanged"]) for c in accepted)]
        real += [fixed(one.real.variety.coverage), num(one.real.divergence_floor.mean, 1)]
        rows.append([Markdown("Real images"), DASH, *shown, *real])
    head = ["Model", "Test loss", "Last distance", "Late mean", "Unsure", *["Digits"] * analysed]
    return table([*head, "Coverage", "Divergence"], rows, "lrll" + "r" * (3 + analysed))


def distances(results: Results) -> Markdown:
    """A row for every training and every feature network that was there."""
    rows = []
    for name, one in measured(results):
        final = one.measure.final
        if final.constant:
            rows.append([name, final.n, DASH, Markdown("all samples are one image"), DASH, DASH, DASH])
            continue
        for e in NAME:
            if d := getattr(final, e):
                floor = final.floor.get(e)
                rows.append(
                    [
                        name,
                        final.n,
                        e.capitalize(),
                        span(d.fid, d.low, d.high),
                        DASH if d.bias is None else num(d.fid - d.bias),
                        spread(floor.fid_mean, floor.fid_sd) if floor else DASH,
                        Markdown(f"{num(d.kid, 2)} ± {num(d.kid_sd, 1)}"),
                    ]
                )
    head = ["Model", "$n$", "Features", "Fréchet distance", "Extrapolated", "Floor at $n$", "KID"]
    return table(list(map(Markdown, head)), rows, "lrllrll")


def measures(results: Results) -> Markdown:
    """A row for every training, and one for real images."""

    def cells(final: Final) -> list[Markdown]:
        v = final.variety
        return [
            not_recognised(final).shown(whole),
            num(final.background.mean, 2),
            *(fixed(x) for x in (v.precision, v.recall, v.coverage)),
            divergence(final).shown(partial(span, digits=2)),
        ]

    rows = [[name, one.measure.final.n_classes, *cells(one.measure.final)] for name, one in measured(results)]
    if rows:
        one = measured(results)[0][1].measure
        real, v = one.real, one.real.variety
        own = [percent(real.not_digit.share, 1), num(real.background.mean, 2)]
        own += [fixed(x) for x in (v.precision, v.recall, v.coverage)]
        floor = real.divergence_floor
        rows.append([Markdown("Real images"), one.reference.n, *own, spread(floor.mean, floor.sd)])
    head = ["Model", "$n$", "Unrecognised", "Grey", "Precision", "Recall", "Coverage", "Divergence"]
    return table(list(map(Markdown, head)), rows, "lrlrrrrl")


def clipping(results: Results, models: Iterable[str]) -> Markdown:
    rows = []
    for model in models:
        one = results.first(model)
        found = one.measure.ablations.clipping
        for how, c in (("off", found.first), ("on", found.second)):
            rows.append(
                [
                    one.train.label,
                    how,
                    c.n,
                    spread(c.border.mean, c.border.sd),
                    span(c.background.mean, c.background.low, c.background.high, 2),
                    not_recognised(c).shown(whole),
                    distance("digits")(c).shown(),
                ]
            )
    head = [
        "Model",
        "Clipping",
        "$n$",
        "Border, raw",
        "Border, seen",
        "Unrecognised",
        "Distance",
    ]
    return table(list(map(Markdown, head)), rows, "llrllll")


def seeds(results: Results) -> Markdown:
    """The trainings of models with several seeds, side by side."""
    several = {m for m in results.models if len(results.seeds(m)) > 1}
    ones = [(name, one) for name, one in measured(results) if one.model in several]

    def row(name: str, show: Callable[[Trained], Markdown]) -> list[Any]:
        return [Markdown(name), *(show(one) for _, one in ones)]

    def last(measure: Measure, show: Callable[..., Markdown]) -> Callable[[Trained], Markdown]:
        return lambda one: _shown(measure(one.measure.final), show)

    def over(measure: Measure, show: Callable[..., Markdown]) -> Callable[[Trained], Markdown]:
        return lambda one: _shown(late(one.measure, measure), show)

    fid, two = distance("digits"), partial(span, digits=2)
    rows = [
        row("Test loss after the last epoch", lambda one: num(one.train.history[-1].test_loss)),
        row("Distance, digit features", last(fid, span)),
        row(f"… mean over {LAST}", over(fid, span)),
        row("… standard deviation over these checkpoints", lambda one: _sd(late(one.measure, fid))),
        row(
            "… lowest and highest in the second half", lambda one: _range(Case(results, {"": one}).swing(""))
        ),
    ]
    for name, measure, show in (
        ("Not recognised", not_recognised, percent_span),
        ("Dark or white centres", extreme_centre, percent_span),
        ("Divergence of the classes (nats)", divergence, two),
        ("Coverage", coverage, two),
    ):
        rows += [row(name, last(measure, show)), row(f"… mean over {LAST}", over(measure, show))]
    return table([Markdown(" "), *(name for name, _ in ones)], rows, "l" * (len(ones) + 1))


def _shown(found: Estimate | None, show: Callable[..., Markdown]) -> Markdown:
    return found.shown(show) if found else DASH


def _sd(found: Estimate | None) -> Markdown:
    return num(found.sd, 2) if found else DASH


def _range(found: Estimate) -> Markdown:
    return DASH if found.low is None else Markdown(f"{num(found.low)} and {num(found.high)}")


# --- schedules and losses ---


def schedules(results: Results) -> Markdown:
    s = results.schedules
    both = (s.linear, s.cosine)
    early = (s.early.linear, s.early.cosine)
    kinds = ("linear", "cosine")
    rows = [
        [f"$\\bar\\alpha_t$ at $t = {s.early.t}$", *(fixed(x.alpha_bar, 3) for x in early)],
        ["Amplitude of the signal, $\\sqrt{\\bar\\alpha_t}$", *(fixed(x.signal, 3) for x in early)],
        ["Amplitude of the noise, $\\sqrt{1-\\bar\\alpha_t}$", *(fixed(x.noise, 3) for x in early)],
        [
            "Correlation of $\\mathbf{x}_t$ with $\\mathbf{x}_0$",
            *(Markdown(f"{fixed(x.correlation)} ± {fixed(x.correlation_sd)}") for x in early),
        ],
        ["Mean of $\\bar\\alpha_t$ over all steps", *(fixed(s.mean_step[m], 3) for m in kinds)],
        ["Steps with $0.05 < \\bar\\alpha_t < 0.95$", *(integer(s.informative_steps[m]) for m in kinds)],
        ["Steps with clipped $\\beta_t$", *(integer(x.clipped_steps) for x in both)],
        ["Signal left at the end, $\\sqrt{\\bar\\alpha_T}$", *(num(x.signal_T, 2) for x in both)],
    ]
    return table([Markdown(" "), "Linear", "Cosine"], [[Markdown(name), *cells] for name, *cells in rows])


def levels(results: Results) -> Markdown:
    """Test loss of the two DDPMs at common time steps, thinned to a table's length."""
    loss = {}
    for m in ("linear", "cosine"):
        found = results.first(m).train.ddpm.timestep_loss
        loss[m] = dict(zip(found.t, zip(found.alpha_bar, found.test_loss, strict=True), strict=True))
    common = sorted(set(loss["linear"]) & set(loss["cosine"]))
    if len(common) > ROWS:
        common = [common[round(i * (len(common) - 1) / (ROWS - 1))] for i in range(ROWS)]
    rows = [
        [t, *(show(x) for m in loss for show, x in zip((near_one, num), loss[m][t], strict=True))]
        for t in common
    ]
    head = ["$t$", "$\\bar\\alpha_t$, linear", "Loss, linear", "$\\bar\\alpha_t$, cosine", "Loss, cosine"]
    return table(list(map(Markdown, head)), rows, "rrrrr")


# --- reproducibility ---


def cost(results: Results) -> Markdown:
    rows = [
        [
            name,
            one.train.epochs,
            one.train.steps,
            duration(one.train.seconds_per_step),
            duration(seconds(one)),
            Markdown(f"{code(one.train.weights.sha256[:12])}…"),
        ]
        for name, one in trained(results)
    ]
    head = ["Model", "Epochs", "Steps", "Time per step", "Time in all", "Weights (SHA-256)"]
    return table(list(map(Markdown, head)), rows, "lrrrrl")


def seconds(one: Trained) -> float:
    """Cost of a training."""
    return sum(line.seconds for line in one.train.history)


def environment(results: Results) -> Markdown:
    """Versions and machine, one row each; first what most records have, then others and whose they are."""
    records = {Markdown("schedules"): results.schedules} if results.schedules else {}
    for name, one in trained(results):
        records |= {name: one.train}
        records |= {Markdown(f"measuring of {name}"): one.measure} if one.measure else {}
    rows = []
    for key in dict.fromkeys([*MACHINE, *(k for r in records.values() for k in r.environment)]):
        found: dict[str, list[str]] = {}
        for name, record in records.items():
            if key in record.environment:
                found.setdefault(_plain(record.environment[key]), []).append(name)
        usual, *rest = sorted(found.items(), key=lambda pair: -len(pair[1])) or [("", [])]
        shown = [code(usual[0]), *(Markdown(f"{code(value)} ({listing(who)})") for value, who in rest)]
        rows.append([key.replace("_", " "), Markdown("; ".join(shown))] if found else [])
    hashes = {
        e: f.sha256 for _, one in measured(results) for e, f in one.measure.extractors.items() if f.sha256
    }
    rows += [[Markdown(f"{e} features (SHA-256)"), code(value)] for e, value in hashes.items()]
    return table(["Item", "Value"], [row for row in rows if row], "ll")


def settings(results: Results, of: Callable[[Trained], Any]) -> Markdown:
    """The settings of one record of each model, a row each; a seed row lists all seeds."""
    columns = {m: dict(of(results.first(m)).settings) for m in results.models if of(results.first(m))}
    for model, values in columns.items():
        values["seed"] = results.seeds(model)
    names = dict.fromkeys(name for values in columns.values() for name in values)
    rows = [
        [code(n), *(code(_plain(v[n], n)) if v.get(n, "") != "" else DASH for v in columns.values())]
        for n in names
    ]
    return table(["Setting", *columns], rows, "l" * (len(columns) + 1))


def _plain(value: Any, name: str = "") -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} = {_plain(v)}" for k, v in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:  # in numbers of images, steps and models it stands for all
        return "all" if name.startswith("n_") or name in ("sampling_steps", "models") else "default"
    return f"{value:g}" if isinstance(value, float) else str(value)
