"""Section on any model, the study's or not: a subsection made from its records alone."""

from collections.abc import Iterable

from diffusion.records import Results, Trained
from report.estimates import distance, not_recognised
from report.study import dataset
from report.text_format import Markdown, escape, integer, listing, num, percent, percent_span


def further(results: Results, models: Iterable[str], drawn: set[str]) -> Markdown:
    """A subsection for every model that is not of the study: degradation, training, samples, distances.

    Args:
        drawn: names of the figure files that there are.
    """
    return Markdown("\n\n".join(_subsection(results, model, drawn) for model in models))


def _subsection(results: Results, model: str, drawn: set[str]) -> str:
    one = results.first(model)
    label, history = escape(one.train.label), one.train.history
    lines = [f"## {label} {{#sec:model-{model}}}"]
    if one.train.about:
        lines.append(f"Its degradation, in the words of its author: {escape(one.train.about)}")
    lines.append(
        f"The network of {integer(one.train.parameters_count)} parameters was trained for "
        f"{integer(one.train.epochs)} "
        f"epoch{'s' if one.train.epochs > 1 else ''}; the last losses are {num(history[-1].train_loss)} in "
        "training and "
        f"{num(history[-1].test_loss)} on the test split."
    )
    if one.measure:
        lines.append(_measures(one, dataset(results).classes))
    pictures = []
    for kind, suffix, caption in (
        ("degradation", "png", "An image on its way through the degradation of {}."),
        ("loss", "svg", "Training and test loss of {}."),
        ("samples", "png", "Samples of {}, the first ones, not picked."),
        ("trajectory", "png", "Latents of {} on the way from the first to the sample."),
        (
            "quality",
            "png",
            "Samples of {}: high quality (left grid) and low quality (right grid), chosen by rule.",
        ),
        ("classes_along", "svg", "Classes of the recognised samples of {} after each checkpoint."),
    ):
        if (file := f"{kind}_{model}.{suffix}") in drawn:
            label_of = f"fig:{kind.replace('_', '-')}-{model}"
            pictures.append(
                (label_of, f"![{caption.format(label)}](figures/{file}){{#{label_of} width=100%}}")
            )
    if pictures:
        lines.append(f"Its course is in [{'; '.join(f'@{label_of}' for label_of, _ in pictures)}].")
    lines += [picture for _, picture in pictures]
    return "\n\n".join(lines)


def _measures(one: Trained, classes: tuple[str, ...]) -> str:
    final, real = one.measure.final, one.measure.real
    if final.constant:
        return (
            f"All {integer(final.n)} samples are one image: the sampler does not depend on its start, and "
            "no distance "
            "of theirs means anything."
        )
    floor = final.floor.get("digits")
    order = sorted(range(10), key=lambda c: -final.classes.share[c])
    most, least = (listing(classes[c] for c in some) for some in (order[:2], order[-2:]))
    text = f"The distance of its {integer(final.n)} final samples from the data is "
    f"{distance('digits')(final).shown()}"
    text += (
        f" in digit features, where as many real images score {num(floor.fid_mean, 2)}. " if floor else ". "
    )
    return text + (
        f"The classifier is unsure of {not_recognised(final).shown(percent_span)} of its samples, and of "
        f"{percent(real.not_digit.share, 1)} of real images. Most often it reads {most}, most rarely {least}."
    )
