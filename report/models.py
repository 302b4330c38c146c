"""Section on any model, the study's or not: a subsection made from its records alone."""

from collections.abc import Iterable

from report.study import dataset
from report.text_format import Markdown, escape, integer, listing, num, percent, percent_span, span
from study.records import Results, Trained

PICTURES = {  # file -> caption, both with the model's name or label
    "degradation_{}.png": "An image on its way through the degradation of {}.",
    "loss_{}.svg": "Training and test loss of {}.",
    "samples_{}.png": "Samples of {}, the first ones, not picked.",
    "trajectory_{}.png": "Latents of {} on the way from the first to the sample.",
    "quality_{}.png": "Samples of {}: high quality (left grid) and low quality (right grid), chosen by rule.",
    "classes_along_{}.svg": "Classes of the recognised samples of {} after each checkpoint.",
}


def further(results: Results, models: Iterable[str], drawn: set[str]) -> Markdown:
    """A subsection for every model that is not of the study: degradation, training, samples, distances.

    Args:
        drawn: names of the figure files that there are.
    """
    return Markdown("\n\n".join(_subsection(results, model, drawn) for model in models))


def _subsection(results: Results, model: str, drawn: set[str]) -> str:
    one = results.first(model)
    label, history, epochs = escape(one.train.label), one.train.history, one.train.epochs
    lines = [f"## {label} {{#sec:model-{model}}}"]
    if one.train.about:
        lines.append(f"Its degradation, in the words of its author: {escape(one.train.about)}")
    lines.append(
        f"The network of {integer(one.train.parameters_count)} parameters was trained for {integer(epochs)} "
        f"epoch{'s' if epochs > 1 else ''}; the last losses are {num(history[-1].train_loss)} in training "
        f"and {num(history[-1].test_loss)} on the test split."
    )
    if one.measure:
        lines.append(_measures(one, dataset(results).classes))
    pictures = {}
    for name, caption in PICTURES.items():
        if (file := name.format(model)) in drawn:
            place = f"fig:{file.rpartition('.')[0].replace('_', '-')}"
            pictures[place] = f"![{caption.format(label)}](figures/{file}){{#{place} width=100%}}"
    if pictures:
        lines.append(f"Its course is in [{'; '.join(f'@{place}' for place in pictures)}].")
    return "\n\n".join([*lines, *pictures.values()])


def _measures(one: Trained, classes: tuple[str, ...]) -> str:
    final, real = one.measure.final, one.measure.real
    n, floor = integer(final.n), final.floor
    unread = final.low_confidence.shown(percent_span)
    if final.constant:
        why = "the sampler does not depend on its start, and no distance of theirs means anything"
        return f"All {n} samples are one image: {why}."
    order = sorted(range(10), key=lambda c: -final.classes.share[c].value)
    most, least = (listing(classes[c] for c in some) for some in (order[:2], order[-2:]))
    as_real = f", where as many real images score {num(floor.mean, 2)}" if floor else ""
    return (
        f"The distance of its {n} final samples from the data is {final.frechet.shown(span)} in "
        f"digit features{as_real}. The classifier is unsure of {unread} of its samples, and of "
        f"{percent(real.low_confidence.value, 1)} of real images. "
        f"Most often it reads {most}, most rarely {least}."
    )
