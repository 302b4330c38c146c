"""The claims ledger: each claim takes every verdict that data can give it, and only data decide."""

import copy
import dataclasses
import math
from functools import cache

import pytest

import synthetic
from report import effects, estimates, verdicts
from report.effects import BELOW, EQUAL, WITHIN, Effect
from report.estimates import Case, Estimate
from report.study import DDPMS
from report.verdicts import (
    ABSENT,
    BY_CHECKPOINTS,
    BY_MEASURE,
    BY_TRAININGS,
    FAILS,
    HOLDS,
    OPEN,
    SAME,
    TOO_SMALL,
)
from study import records
from study.records import Results

MODELS = ("linear", "cosine", "zoom")
CLAIMS = {one.id: one for one in verdicts.claims()}


def results(*changes) -> Results:
    """The released paper's records, of each model the first seed, after the changes of `LOOKS` and these."""
    released = synthetic.released()
    first = {(m, 0): dataclasses.replace(released.trainings[m, 0], analysis=None) for m in MODELS}
    found = copy.deepcopy(Results(released.out, released.schedules, first))
    for change in (*LOOKS, *changes):
        change(found)
    return found


def verdict(name, *changes) -> verdicts.Verdict:
    return verdicts.judge(CLAIMS[name], results(*changes))


# Changes to the data. Each returns a function of Results.


def put(thing, **values):
    for key, value in values.items():
        assert hasattr(thing, key)
        setattr(thing, key, value)


def spread(thing, name, low, high):
    """Set a number to the middle of an interval, and its ends."""
    prefix = f"{name}_" if hasattr(thing, f"{name}_low") else ""
    put(thing, **{name: (low + high) / 2, f"{prefix}low": low, f"{prefix}high": high})


def ends(r, model):
    """The final samples of a model, and those of its late checkpoints."""
    measure = r.first(model).measure
    return [measure.final, *measure.late()]


def of_ends(model, part, **values):
    return lambda r: [put(getattr(row, part), **values) for row in ends(r, model)]


def between(part, name, rows=ends):
    """A function of (model, low, high) that gives the change of this measure at the end of training."""
    return lambda model, low, high: (
        lambda r: [spread(getattr(row, part), name, low, high) for row in rows(r, model)]
    )


unread, grey = between("not_digit", "share"), between("background", "mean")
distance, divergence = between("digits", "fid"), between("classes", "divergence")
recall, coverage = between("variety", "recall"), between("variety", "coverage")


def precision(model, value):
    return of_ends(model, "variety", precision=value)


def bare(model, value):
    """The distance in Inception features, without an interval."""
    return of_ends(model, "inception", fid=value, low=None, high=None)


def with_inception(r):
    """Distances in Inception features, which the released paper lacks."""
    for one in r.trainings.values():
        for row in [one.measure.final, *one.measure.curve]:
            put(row, inception=copy.deepcopy(row.digits))


def curve(model, value):
    """The distance as a function of the epoch, without an interval."""

    def change(r):
        for row in r.first(model).measure.curve:
            fid = value(row.epoch)
            put(row.digits, fid=fid, low=fid, high=fid)
            put(row.inception, fid=9 * fid, low=9 * fid, high=9 * fid)

    return change


def level(value):
    return lambda e: value


def fall(e):
    return 10 / e


def rise(e):
    return 5 + e / 100


def wobbling(middle, size):
    """A curve that scatters by `size` without a trend."""
    return lambda e: middle + size * ((e * 37) % 11 - 5) / 5


def losses(model, train, test):
    """A loss history: functions of the epoch."""

    def change(r):
        for line in r.first(model).train.history:
            put(line, train_loss=train(line.epoch), test_loss=test(line.epoch))

    return change


def many(r):
    """Twice as many checkpoints, by repeating those there are at epochs between."""
    for m in DDPMS:
        rows = r.first(m).measure.curve
        more = [row.model_copy(update={"epoch": row.epoch + k}) for k in (1, 2) for row in rows[1:-1]]
        r.first(m).measure.curve = sorted([*rows, *more], key=lambda row: row.epoch)


def follows(slope, noise):
    """The zoom model's distances along its class divergence."""

    def change(r):
        for i, row in enumerate(r.first("zoom").measure.curve):
            d = 0.1 + 0.05 * math.sin(2.3 * i)
            put(row.classes, divergence=d)
            for features in (row.digits, row.inception):
                put(features, fid=10 + slope * d + noise * math.cos(5.1 * i))

    return change


def same_distance(models, fid, error):
    return [c for m in models for c in (distance(m, fid - error, fid + error), bare(m, 9 * fid))]


def same_looks(error):
    """Both DDPMs have the same unrecognised share, grey and distance, known up to this error."""
    looks = [unread(m, 0.5 - error, 0.5 + error) for m in DDPMS]
    looks += [grey(m, 0.05 - error / 10, 0.05 + error / 10) for m in DDPMS]
    return looks + same_distance(DDPMS, 9, error)


def alpha(model, value):
    def change(r):
        T = r.schedules.T
        put(getattr(r.schedules, model), alpha_bar=[value(i / T) for i in range(T + 1)])

    return change


def signal(model, value):
    return lambda r: put(getattr(r.schedules, model), signal_T=value)


def early(**correlations):
    return lambda r: [put(getattr(r.schedules.early, m), correlation=x) for m, x in correlations.items()]


def informative_steps(linear, cosine):
    return lambda r: r.schedules.informative_steps.update(linear=linear, cosine=cosine)


def zoom(part, **values):
    return lambda r: put(getattr(r.first("zoom").train.zoom, part), **values)


def as_zero(digit, key, share, n=900, others=()):
    def change(r):
        probes, read = r.first("zoom").train.zoom, round(share * n)
        row = [read, *others, *[0] * (9 - len(others))]
        row[digit] = max(0, n - sum(row))
        probes.confusion.matrix[digit] = row
        put(probes, **{key: share})

    return change


def dark(zero, nine):
    rest = (1 - zero - nine) / 8
    return zoom("dark_centre", share=[zero] + [rest] * 8 + [nine], n=240)


def of_patches(r, _):
    """The zoom's samples that start from patches."""
    prior = r.first("zoom").measure.ablations.prior
    return [prior.patches, *prior.curve]


def of_pixels(r, _):
    """Those that start from independent pixels."""
    measure = r.first("zoom").measure
    return [measure.ablations.prior.independent, *measure.late()]


def no_prior(r):
    put(r.first("zoom").measure.ablations, prior=None)


def bias(*ends):
    """Divergences from independent pixels, and from patches."""
    pixels, patches = (between("classes", "divergence", rows) for rows in (of_pixels, of_patches))
    return [pixels("zoom", *ends[:2]), patches("zoom", *ends[2:])]


pixels_unread = between("not_digit", "share", of_pixels)


def digits(which, low, high):
    def change(r):
        for row in ends(r, "zoom"):
            for d in which:
                row.recognised.share[d] = (low + high) / 2

    return change


def drawn(sampler, calls, digits=0.5, noise=0.0, divergence=0.2):
    """Samples of an analysis, of which a share are digits, with a divergence of their classes."""
    one = copy.deepcopy(synthetic.released().first("zoom").analysis.drawn[0])
    put(one, sampler=sampler, calls=calls, noise=noise)
    spread(one.digit, "share", digits - 0.02, digits + 0.02)
    spread(one.classes, "divergence", 0.95 * divergence, 1.05 * divergence)
    return one


def analysed(*models, rows):
    def change(r):
        for m in models:
            one = r.first(m)
            analysis = records.AnalyseRecord.model_construct(drawn=rows, recoverable=None)
            r.trainings[m, one.seed] = dataclasses.replace(one, analysis=analysis)

    return change


def digits_drawn(share):
    return analysed("linear", "cosine", rows=[drawn("ancestral", 1000, share), drawn("ddim", 10, 0.0)])


def with_noise(*spreads):
    noisy = [drawn("naive", 24, noise=0.1 * i, divergence=x) for i, x in enumerate(spreads, 1)]
    return analysed("zoom", rows=[drawn("naive", 24), drawn("naive", 12, divergence=0.01), *noisy])


# What the models look like where a test says nothing else.
LOOKS = [
    with_inception,
    *(distance("linear", 8.5, 9.5), distance("cosine", 4.7, 5.3), distance("zoom", 8.8, 10)),
    *(bare("linear", 81), bare("cosine", 45), bare("zoom", 85)),
    *(unread("linear", 0.19, 0.23), unread("cosine", 0.1, 0.14), unread("zoom", 0.24, 0.28)),
    *(grey("linear", 0.08, 0.1), grey("cosine", 0.027, 0.033)),
    *(recall("linear", 0.65, 0.71), recall("cosine", 0.71, 0.77), recall("zoom", 0.38, 0.44)),
    *(coverage("linear", 0.57, 0.63), coverage("cosine", 0.69, 0.75), coverage("zoom", 0.32, 0.38)),
    between("variety", "recall", of_patches)("zoom", 0.52, 0.58),
    between("not_digit", "share", of_patches)("zoom", 0.06, 0.1),
    zoom("confusion", n=680),
    zoom("dark_centre", true_share=[0.25, *[0.075] * 8, 0.15]),
    lambda r: [put(one.measure.real.centre, dark=0.15, white=0.08) for one in r.trainings.values()],
]

CASES = [
    ("resemble", HOLDS, digits_drawn(0.8)),
    ("resemble", FAILS, digits_drawn(0.2)),
    ("resemble", OPEN, digits_drawn(0.51)),
    ("resemble", OPEN),  # not measured
    ("lack_of_randomness", HOLDS, with_noise(0.15, 0.05)),
    ("lack_of_randomness", FAILS, with_noise(0.2, 0.3)),
    ("lack_of_randomness", OPEN, with_noise(0.1)),
    ("keeps_more", HOLDS),
    ("keeps_more", FAILS, alpha("cosine", lambda u: 0.0)),
    ("keeps_more", OPEN, alpha("linear", lambda u: 1 - u), alpha("cosine", lambda u: 1.08 - 1.1 * u)),
    ("ends_agree", HOLDS),
    ("ends_agree", FAILS, alpha("cosine", lambda u: 1 - u / 2)),
    ("linear_random", HOLDS, early(linear=0.05, cosine=0.5)),
    ("linear_random", FAILS, early(linear=0.3, cosine=0.5)),
    ("cosine_keeps", HOLDS, early(linear=0.2, cosine=0.5)),
    ("cosine_keeps", FAILS, early(linear=0.5, cosine=0.2)),
    ("cosine_keeps", OPEN, early(linear=0.3, cosine=0.31)),
    ("fewer_wasted", HOLDS, informative_steps(400, 500)),
    ("fewer_wasted", FAILS, informative_steps(500, 400)),
    ("lower_loss", HOLDS, losses("cosine", level(1), level(1)), losses("linear", level(2), level(2))),
    ("lower_loss", FAILS, losses("cosine", level(2), level(2)), losses("linear", level(1), level(1))),
    ("lower_loss", FAILS, losses("cosine", level(2), level(1)), losses("linear", level(1), level(2))),
    ("lower_loss", OPEN, losses("cosine", wobbling(0.04, 0.05), wobbling(0.04, 0.05))),
    ("learns_faster", HOLDS, curve("cosine", level(1)), curve("linear", level(2))),
    ("learns_faster", HOLDS, curve("cosine", lambda e: 1 if e <= 25 else 3), curve("linear", level(2))),
    ("learns_faster", FAILS, curve("cosine", level(2)), curve("linear", level(1))),
    ("learns_faster", OPEN, curve("cosine", wobbling(2, 1)), curve("linear", level(2))),
    ("lower_distance", HOLDS),
    ("lower_distance", FAILS, distance("cosine", 19, 21), bare("cosine", 200)),
    ("lower_distance", SAME, *same_distance(DDPMS, 9, 0.6)),
    ("lower_distance", OPEN, distance("cosine", 19, 21)),  # the two features disagree
    ("lower_distance", OPEN, *same_distance(DDPMS, 9, 3)),
    ("almost_all_epochs", HOLDS, curve("cosine", level(1)), curve("linear", level(2)), many),
    ("almost_all_epochs", FAILS, curve("cosine", level(2)), curve("linear", level(1))),
    ("almost_all_epochs", OPEN, curve("cosine", lambda e: 2 if e < 15 else 0.5), curve("linear", level(1))),
    ("darker", HOLDS, grey("cosine", 0.009, 0.011)),
    ("darker", FAILS, grey("cosine", 0.4, 0.6)),
    ("darker", SAME, *(grey(m, 0.089, 0.091) for m in DDPMS)),
    ("darker", OPEN, grey("cosine", 0.05, 0.13)),
    ("alike", FAILS),
    ("alike", HOLDS, *same_looks(0.001)),
    ("alike", OPEN, *same_looks(0.2)),
    ("some_not_digits", HOLDS),
    ("some_not_digits", FAILS, unread("cosine", 0.01, 0.03)),
    ("some_not_digits", OPEN, unread("cosine", 0.03, 0.08)),
    ("more_realistic", HOLDS),
    ("more_realistic", FAILS, unread("cosine", 0.4, 0.6)),
    ("more_realistic", SAME, *same_looks(0.01)),
    ("more_realistic", OPEN, unread("cosine", 0.1, 0.3)),
    ("not_more_good", HOLDS, precision("cosine", 0.5), precision("linear", 0.7)),
    ("not_more_good", FAILS, precision("cosine", 0.9), precision("linear", 0.5)),
    ("not_more_good", OPEN, precision("cosine", 0.55), precision("linear", 0.5)),
    ("bimodal", HOLDS, zoom("centre_pixels", extreme=0.7)),
    ("bimodal", FAILS, zoom("centre_pixels", extreme=0.4)),
    ("informative", HOLDS, zoom("confusion", accuracy=0.5)),
    ("informative", FAILS, zoom("confusion", accuracy=0.02)),
    ("informative", OPEN, zoom("confusion", accuracy=0.12)),
    ("minimal_information", HOLDS, zoom("confusion", accuracy=0.12)),
    ("minimal_information", FAILS, zoom("confusion", accuracy=0.5)),
    ("minimal_information", OPEN, zoom("confusion", accuracy=0.23)),
    ("loss_falling", HOLDS, losses("zoom", fall, fall)),
    ("loss_falling", FAILS, losses("zoom", fall, rise)),
    ("loss_falling", OPEN, losses("zoom", fall, wobbling(10, 3))),
    ("train_above_test", HOLDS, losses("zoom", level(2), level(1))),
    ("train_above_test", FAILS, losses("zoom", level(1), level(2))),
    ("train_above_test", OPEN, losses("zoom", fall, level(4))),
    ("error_grows", HOLDS, zoom("reconstruction", mse=[float(t) for t in range(1, 25)])),
    ("error_grows", FAILS, zoom("reconstruction", mse=[30.0 - t for t in range(1, 25)])),
    ("error_grows", OPEN, zoom("reconstruction", mse=[1 + t / 100 for t in range(1, 25)])),
    ("struggles", HOLDS, zoom("confusion", accuracy=0.5)),
    ("struggles", FAILS, zoom("confusion", accuracy=0.99)),
    ("struggles", OPEN, zoom("confusion", accuracy=0.89)),
    ("five_as_zero", FAILS, as_zero(5, "five_as_zero", 0.4, others=(500, 400))),  # two are commoner
    ("dark_as_zero", HOLDS, dark(0.4, 0.3)),
    ("dark_as_zero", FAILS, dark(0.1, 0.3)),
    ("dark_as_zero", OPEN, dark(0.25, 0.3)),
    ("dark_as_nine", HOLDS, dark(0.4, 0.3)),
    ("dark_as_nine", FAILS, dark(0.4, 0.01)),
    ("dark_as_nine", OPEN, dark(0.4, 0.16)),
    ("zoom_not_digits", HOLDS),
    ("zoom_not_digits", FAILS, unread("zoom", 0.01, 0.03)),
    ("zoom_not_digits", OPEN, unread("zoom", 0.03, 0.08)),
    ("pixels_less_biased", HOLDS, *bias(0.0, 0.01, 0.1, 0.2)),
    ("pixels_less_biased", FAILS, *bias(0.3, 0.4, 0.1, 0.2)),
    ("pixels_less_biased", SAME, *bias(0.19, 0.21, 0.19, 0.21)),
    ("pixels_less_biased", OPEN, *bias(0.1, 0.3, 0.1, 0.3)),
    ("pixels_less_biased", OPEN, no_prior),
    ("pixels_more_varied", HOLDS, recall("zoom", 0.87, 0.93)),
    ("pixels_more_varied", FAILS, recall("zoom", 0.27, 0.33)),
    ("pixels_more_varied", OPEN, recall("zoom", 0.53, 0.59)),
    ("pixels_no_digit", HOLDS),
    ("pixels_no_digit", FAILS, pixels_unread("zoom", 0.01, 0.02)),
    ("pixels_no_digit", OPEN, pixels_unread("zoom", 0.07, 0.12)),
    ("pixels_no_digit", OPEN, no_prior),
    ("comparable", HOLDS, *same_distance(("zoom", "linear"), 9, 0.1)),
    ("comparable", FAILS, distance("zoom", 29, 31), bare("zoom", 300)),
    ("comparable", OPEN, *same_distance(("zoom", "linear"), 9, 0.1), bare("zoom", 300)),  # features disagree
    ("comparable", OPEN, distance("zoom", 6, 14)),
    ("cosine_below_zoom", HOLDS),
    ("cosine_below_zoom", FAILS, distance("zoom", 0.9, 1.1), bare("zoom", 1)),
    ("cosine_below_zoom", SAME, *same_distance(("zoom", "cosine"), 5, 0.1)),
    ("cosine_below_zoom", OPEN, *same_distance(("zoom", "cosine"), 5, 2)),
    ("distance_blind", HOLDS, follows(0, 1)),
    ("distance_blind", FAILS, follows(50, 0.1)),
    ("distance_blind", OPEN, follows(8, 0.5)),
    ("less_reach", HOLDS, recall("zoom", 0.27, 0.33), coverage("zoom", 0.27, 0.33)),
    ("less_reach", FAILS, recall("zoom", 0.92, 0.98), coverage("zoom", 0.92, 0.98)),
    ("less_reach", OPEN, recall("zoom", 0.27, 0.33), coverage("zoom", 0.92, 0.98)),
    ("biased", HOLDS, divergence("zoom", 0.3, 0.4)),
    ("biased", FAILS, divergence("zoom", 0.0001, 0.0002)),
    ("biased", OPEN, divergence("zoom", 0.0, 0.4)),
    ("more_biased", HOLDS, divergence("zoom", 0.3, 0.4)),
    ("more_biased", FAILS, divergence("zoom", 0.0, 0.0001), divergence("cosine", 0.2, 0.3)),
    ("more_biased", OPEN, divergence("zoom", 0.0, 0.4)),
    ("favours", HOLDS, digits((1, 8, 9), 0.2, 0.3)),
    ("favours", FAILS, digits((1, 8, 9), 0.01, 0.02)),
    ("favours", OPEN, digits((1, 8, 9), 0.1, 0.112)),
    ("lacks", HOLDS, digits((2, 3, 4, 5), 0.0, 0.01)),
    ("lacks", FAILS, digits((4,), 0.2, 0.3)),
    ("lacks", FAILS, digits((2, 3, 4, 5), 0.04, 0.06)),  # rarer than real, but far from missing
    ("lacks", OPEN, digits((2, 3, 4, 5), 0.015, 0.023)),
    ("extreme_centres", HOLDS, of_ends("zoom", "centre", dark=0.4, white=0.05)),
    ("extreme_centres", FAILS, of_ends("zoom", "centre", dark=0.01, white=0.02)),
    ("extreme_centres", SAME, of_ends("zoom", "centre", dark=0.15, white=0.08)),
    ("extreme_centres", OPEN, of_ends("zoom", "centre", dark=0.15, white=0.08, n=20)),
]
for model in DDPMS:
    CASES += [
        (f"{model}_ends_in_noise", HOLDS, signal(model, 0.004)),
        (f"{model}_ends_in_noise", FAILS, signal(model, 0.2)),
        (f"{model}_falling", HOLDS, curve(model, fall)),
        (f"{model}_falling", FAILS, curve(model, rise)),
        (f"{model}_falling", OPEN, curve(model, wobbling(10, 3))),
    ]
for digit, name in ((5, "five_as_zero"), (7, "seven_as_zero")):
    for share, expected in ((0.4, HOLDS), (0.01, FAILS), (0.11, OPEN)):
        CASES += [(name, expected, as_zero(digit, name, share))]
EXACT = {"linear_ends_in_noise", "cosine_ends_in_noise", "ends_agree", "linear_random"}
EXACT |= {"fewer_wasted", "bimodal"}  # a threshold without an interval


@pytest.mark.parametrize(("name", "expected", "changes"), [(n, e, c) for n, e, *c in CASES])
def test_verdict_follows_the_data(name, expected, changes):
    found = verdict(name, *changes)
    assert found.verdict == expected, (found.measured, found.effect)
    assert found.lean == expected or expected == OPEN


def test_every_claim_is_seen_with_every_verdict_that_it_can_have():
    seen = {w: {name for name, verdict, *_ in CASES if verdict == w} for w in (HOLDS, FAILS, SAME, OPEN)}
    assert seen[HOLDS] == seen[FAILS] == set(CLAIMS)
    assert seen[OPEN] == set(CLAIMS) - EXACT
    assert seen[SAME] == {one.id for one in CLAIMS.values() if one.margin}


def test_the_released_paper_s_ledger(released):
    """Verdicts worked out by hand from the released records (means over the last fifth of training)."""
    found = verdicts.ledger(released)
    by_hand = {
        FAILS: "cosine_ends_in_noise linear_random lower_loss almost_all_epochs minimal_information "
        "dark_as_nine distance_blind favours lacks",
        SAME: "lower_distance darker",
        HOLDS: "learns_faster cosine_falling five_as_zero seven_as_zero pixels_more_varied biased",
        OPEN: "comparable cosine_below_zoom linear_falling",
    }
    for expected, names in by_hand.items():
        assert {name: found[name].verdict for name in names.split()} == dict.fromkeys(names.split(), expected)


# --- when a run may decide ---


def settings(model, **values):
    return lambda r: r.first(model).train.settings.update(values)


def shorter(epochs):
    return lambda r: [put(r.first(m).train, epochs=epochs) for m in MODELS]


def test_claims_about_the_end_of_training_wait_for_it():
    after = cache(lambda epochs: verdicts.ledger(results(shorter(epochs))))
    for name, one in CLAIMS.items():
        needed = one.epochs or 0
        assert (after(max(needed - 1, 0))[name].verdict == TOO_SMALL) == (needed > 0), name
        assert after(needed)[name].verdict != TOO_SMALL, name


def test_a_part_of_the_images_counts_as_a_part_of_an_epoch():
    few = verdict("lower_loss", *(settings(m, n_train=15_000) for m in MODELS))
    assert few.verdict == TOO_SMALL
    assert "25 of the 50 epochs" in few.why


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("lower_loss", settings("linear", learning_rate=0.002), "learning_rate = 0.002"),
        ("lower_loss", settings("cosine", batch_size=64), "batch_size = 64"),
        ("lower_loss", settings("cosine", s=0.01), "s = 0.01"),
        ("lower_loss", settings("cosine", n_test=256), "n_test = 256"),
        ("loss_falling", settings("zoom", T=20), "T = 20"),
        ("loss_falling", settings("zoom", interpolation="bilinear"), "interpolation = bilinear"),
        ("lower_loss", settings("cosine", schedule="linear"), "schedule = linear"),
        ("lower_distance", settings("linear", sampler_options={"clip_x0": True}), "clip_x0 = True"),
        ("lower_loss", settings("linear", network_options={"norm": "rms"}), "network_options"),
        ("lower_loss", settings("linear", schedule_options={"steepness": 10}), "schedule_options"),
        ("loss_falling", settings("zoom", latent_noise=0.1), "latent_noise = 0.1"),
        ("lower_distance", settings("linear", sampler_options={"steps": 200}), "steps = 200"),
        ("lower_distance", settings("linear", sampler="ddim"), "sampler = ddim"),
        ("biased", settings("zoom", sampler="improved"), "sampler = improved"),
        ("biased", settings("zoom", sampler_options={"noise": 0.05}), "noise = 0.05"),
        ("biased", settings("zoom", sampler_options={"levels": 12}), "levels = 12"),
        ("biased", settings("zoom", prior="patches"), "prior = patches"),
        ("darker", lambda r: put(r.first("linear").measure.final, n=300), "300 of 500 samples"),
        ("darker", lambda r: r.first("linear").measure.settings.update(n_samples=300), "300 of 500 samples"),
        ("darker", lambda r: put(r.first("cosine").measure.reference, n=256), "256 of 10,000"),
        ("keeps_more", lambda r: r.schedules.settings.update(T=500), "T"),
        ("linear_random", settings("linear", dataset="fashion"), "another data set, Fashion"),
    ],
)
def test_a_run_in_another_setting_decides_nothing(name, change, why):
    found = verdict(name, change)
    assert found.verdict == TOO_SMALL
    assert why in found.why


def test_all_steps_named_by_number_are_all_steps():
    assert verdict("lower_distance", settings("linear", sampler_options={"steps": 1000})).verdict == HOLDS


def test_another_data_set_decides_only_what_no_data_enter():
    found = verdicts.ledger(results(*(settings(m, dataset="kmnist") for m in MODELS)))
    decided = {name for name, v in found.items() if v.verdict != TOO_SMALL}
    ends = {"linear_ends_in_noise", "cosine_ends_in_noise", "ends_agree"}
    assert decided == ends | {"keeps_more", "fewer_wasted"}
    assert all(found[name].lean == OPEN for name, one in CLAIMS.items() if one.digits)


def test_models_that_a_run_lacks_or_that_are_others_leave_their_claims_out():
    def without(model):
        return lambda r: r.trainings.pop((model, 0))

    for change in (without("cosine"), lambda r: put(r.first("cosine").train, process="own")):
        found = verdicts.ledger(results(change))
        absent = {name for name, v in found.items() if v.verdict == ABSENT}
        assert absent == {one.id for one in CLAIMS.values() if "cosine" in one.models}
        assert f"{len(absent)} are about models not in this run" in verdicts.tally(found)


def test_samples_that_are_all_one_image_decide_nothing():
    found = verdict("comparable", lambda r: put(r.first("zoom").measure.final, constant=True))
    assert found.verdict == OPEN
    assert "one image" in found.why
    assert found.measured == "–"


@pytest.mark.parametrize("without", [MODELS, ["cosine"]])
def test_without_inception_the_verdict_says_what_it_rests_on(without):
    """Seeds may have been measured on different days: one with the Inception weights, another without."""

    def change(r):
        for m in without:
            for row in [r.first(m).measure.final, *r.first(m).measure.curve]:
                put(row, inception=None)

    further = results().first("cosine")
    found = verdict("lower_distance", change, lambda r: r.trainings.update({("cosine", 1): further}))
    assert found.verdict == HOLDS
    assert found.why == "in digit features only"
    assert "Inception" not in found.measured


# --- the late checkpoints ---


def test_the_last_checkpoint_alone_does_not_decide_where_there_are_late_ones():
    def only_final(r):
        whole = results(*HIGH)
        r.first("cosine").measure.final = whole.first("cosine").measure.final

    assert verdict("lower_distance", only_final).verdict == HOLDS


def test_too_few_late_checkpoints_leave_the_last_to_decide():
    def thin(r):
        for m in MODELS:
            r.first(m).measure.curve = r.first(m).measure.curve[-2:]

    found = verdict("more_realistic", thin)
    assert found.verdict == HOLDS
    assert "by the last checkpoint only" in found.why


def test_the_mean_over_checkpoints_takes_in_the_chance_of_drawing_samples():
    rows = [Estimate(10.0 + (-1) ** i, 7.0, 13.0) for i in range(8)]
    found = estimates.mean_of(rows)
    alone = estimates.mean_of([Estimate(row.value, row.value, row.value) for row in rows])
    assert found.value == alone.value == 10.0
    assert (found.value - found.low) ** 2 == pytest.approx((alone.value - alone.low) ** 2 + 3.0**2)
    assert estimates.mean_of(rows[:4]) is None


def test_a_difference_is_taken_checkpoint_by_checkpoint():
    """Both models swing together by more than they differ."""
    swing = lambda e: 10 + 3 * math.sin(e)  # noqa: E731
    changes = curve("cosine", lambda e: swing(e) - 1), curve("linear", swing)
    found = Case(results(*changes), {m: results(*changes).first(m) for m in DDPMS})
    gap = found.gap("cosine", "linear", estimates.distance())
    assert gap.value == pytest.approx(-1)
    assert gap.high == pytest.approx(-1)


# --- effects ---


@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (Effect("x", 2, 1, 3), True),
        (Effect("x", -2, -3, -1), False),
        (Effect("x", 0.1, -1, 1), None),
        (Effect("x", 0.1, -1, 1, margin=2), EQUAL),
        (Effect("x", 0.1, -1, 2.1, margin=2), None),
        (Effect("x", 1.5, 1, 2, margin=5), True),  # small, but beyond chance
        (Effect("x", 2, 1, 3, side=BELOW), False),
        (Effect("x", 2, 1, 3, side=BELOW, bound=4), True),
        (Effect("x", 2, 1, 3, side=BELOW, bound=0, fails=2), None),
        (Effect("x", 0.1, -1, 1, side=WITHIN, margin=2), True),
        (Effect("x", 5, 4, 6, side=WITHIN, margin=2), False),
        (Effect("x", 2, 1, 3, side=WITHIN, margin=2), None),
        (Effect("x", 1.1, 0.9, 1.2, bound=1, margin=1.25, ratio=True), EQUAL),
        (Effect("x", 0.9, 0.79, 1.1, bound=1, margin=1.25, ratio=True), None),  # 1 / 1.25 is 0.8
    ],
)
def test_answers_of_an_effect(effect, answer):
    assert effect.answer() is answer or effect.answer() == answer


def test_three_trainings_have_an_interval_over_them_two_must_both_answer():
    ones = [Effect("x", v, v - 0.1, v + 0.1) for v in (1.0, 2.0, 3.0)]
    two, three = effects.over_trainings(ones[:2]), effects.over_trainings(ones)
    assert (two.value, two.low, two.high) == pytest.approx((1.5, 0.9, 2.1))
    student = 4.302653 / math.sqrt(3)  # the quantile for two degrees of freedom
    assert three.value - three.low == pytest.approx(math.hypot(student, 0.1), rel=1e-5)
    ratio = effects.over_trainings([Effect("x", v, v, v, bound=1, ratio=True) for v in (0.5, 2.0)])
    assert ratio.value == pytest.approx(1.0)


def test_the_number_of_trainings_that_would_decide():
    """Student's interval of n values with this spread leaves the bound out from that n on."""
    found = [Effect("x", v, v - 1, v + 1) for v in (0.0, 2.0)]  # mean 1, s.d. 1.41
    n = effects.trainings_to_decide(found)
    quantile = {10: 2.2622, 11: 2.2281}
    assert quantile[10] * math.sqrt(2) / math.sqrt(10) > 1 > quantile[11] * math.sqrt(2) / math.sqrt(11)
    assert n == 11
    assert effects.trainings_to_decide([Effect("x", 0.001, -1, 1)]) is None


def test_logic_of_answers():
    assert effects.all_of([True, True]) is True
    assert effects.all_of([]) is None
    assert effects.all_of([None, False]) is False
    assert effects.all_of([None, True]) is None
    assert effects.all_of([EQUAL, True]) == EQUAL
    assert effects.consensus([True, True]) is True
    assert effects.consensus([True, None]) is None


# --- several seeds ---


def seeded(model, *seeds):
    """Further trainings of a model, each the same as its first."""

    def change(r):
        for seed in seeds:
            r.trainings[model, seed] = copy.deepcopy(r.first(model))

    return change


def of_seed(model, seed, change):
    """A change of one further training alone."""

    def changed(r):
        one = Results(r.out, r.schedules, {(model, seed): r.trainings[model, seed]})
        change(one)

    return changed


HIGH = distance("cosine", 19, 21), bare("cosine", 200)


def test_trainings_that_agree_confirm_a_verdict():
    found = verdict("lower_distance", seeded("cosine", 1, 2), seeded("linear", 1, 2))
    assert (found.verdict, found.trainings, found.parted) == (HOLDS, 3, False)


def test_two_trainings_that_disagree_leave_a_claim_open_and_say_so():
    found = verdict("lower_distance", seeded("cosine", 1), *(of_seed("cosine", 1, one) for one in HIGH))
    assert (found.verdict, found.reason, found.parted) == (OPEN, BY_TRAININGS, True)
    assert found.why == "the trainings disagree (holds in 1; does not hold in 1)"
    assert found.needed is None or found.needed >= 3


def test_a_single_training_that_scatters_is_told_from_measures_that_contradict():
    wide = verdict("more_realistic", unread("cosine", 0.1, 0.3))
    assert (wide.reason, wide.lean) == (BY_CHECKPOINTS, SAME)
    assert (
        verdict("less_reach", recall("zoom", 0.27, 0.33), coverage("zoom", 0.92, 0.98)).reason == BY_MEASURE
    )


def test_trainings_are_taken_in_turn_and_a_model_with_fewer_begins_again():
    def chosen(*changes):
        cases = verdicts.cases(results(*changes), DDPMS)
        return [(case["linear"].seed, case["cosine"].seed) for case in cases]

    def renamed(model, *seeds):
        def change(r):
            seeded(model, *seeds)(r)
            for seed in seeds:
                put(r.trainings[model, seed].train, seed=seed)

        return change

    assert chosen() == [(0, 0)]
    assert chosen(renamed("linear", 1), renamed("cosine", 1)) == [(0, 0), (1, 1)]
    assert chosen(renamed("linear", 1, 2), renamed("cosine", 1)) == [(0, 0), (1, 1), (2, 0)]


def test_a_claim_does_not_ask_trainings_of_models_that_it_is_not_about():
    one = verdict("loss_falling", seeded("linear", 1))
    assert one.trainings == 1
    assert verdict("comparable", seeded("zoom", 1)).trainings == 1  # of the linear model
