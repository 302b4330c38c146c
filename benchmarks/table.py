"""What was measured as Markdown: the table with targets, what was tried, how cost grows."""

from typing import Any

from benchmarks.results import figures


def duration(seconds: float) -> str:
    """Three figures with a fitting unit: 4.71 ms, 12.3 s, 3.1 min."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms"), (1, "s")):
        if seconds * factor < (1000 if unit != "s" else 180):
            return f"{number(seconds * factor)} {unit}"
    return f"{seconds / 60:.1f} min"


def number(value: float) -> str:
    """A number with three figures, whole from 100 on."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def measured(line: dict[str, Any]) -> str:
    """The median, and the quartiles where there was more than one round."""
    value, unit = line["value"], line["unit"]
    text = f"{number(value['median'])} {unit}"
    return f"{text} ({number(value['low'])}–{number(value['high'])})" if value["rounds"] > 1 else text


def times(seconds: dict[str, dict[str, float]], name: str) -> str:
    return duration(seconds[name]["median"]) if name in seconds else ""


def main_table(bench: dict[str, Any]) -> str:
    """The measured figures beside their targets; in brackets the quartiles over the rounds."""
    lines = ["| what | target | measured | compared with | ours | |", "|---|---|---|---|---|---|"]
    for line in figures(bench):
        verdict = "met" if line["met"] else "**missed**"
        cells = [
            line["what"],
            f"{line['sign']} {line['target']:g} {line['unit']}",
            measured(line),
            times(line["seconds"], "baseline"),
            times(line["seconds"], "ours"),
            verdict,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\n{caption(bench)}\n"


def caption(bench: dict[str, Any]) -> str:
    """Where and when the table was measured."""
    e = bench["environment"]
    days = sorted(group["when"][:10] for group in bench["groups"].values())
    text = (
        f"Medians, in brackets quartiles, of candidates that take turns; {e['device_name']}, "
        f"{e['cores']} cores, {e['precision']}, torch {e['torch']}, Python {e['python']}, "
        f"commit {e['commit']}{f', {days[-1]}' if days else ''}."
    )
    if bench["scale"] != "full":
        text += f"\nMeasured with `--{bench['scale']}`: these numbers show that everything runs, and no more."
    if bench["busy"]:
        text += "\nThe machine was busy with other work: ratios scatter, and absolute times are too long."
    if bench["missing"]:
        text += f"\nNot measured: {', '.join(bench['missing'])}."
    return text


def remarks(bench: dict[str, Any]) -> str:
    """What there is to say about each figure, as a list."""
    return (
        "\n".join(f"- {line['what']}: {line['remark']}." for line in figures(bench) if line["remark"]) + "\n"
    )


def tried_table(bench: dict[str, Any]) -> str:
    """What was tried, kept or dropped."""
    lines = ["| tried | times faster | without | with | | why |", "|---|---|---|---|---|---|"]
    for line in bench["groups"].get("tried", {}).get("tried", []):
        gain = measured({"value": line["gain"], "unit": "x"}) if line["gain"] else "–"
        kept = "kept" if line["kept"] else "dropped"
        cells = [line["what"], gain, times(line["seconds"], "without"), times(line["seconds"], "with"), kept]
        lines.append(f"| {' | '.join(cells)} | {line['because']} |")
    return "\n".join(lines) + "\n"


def growth_table(bench: dict[str, Any]) -> str:
    """Exponents of time and memory; 1 is linear."""
    lines = [
        "| what grows | from | to | time grows like | memory grows like | |",
        "|---|---|---|---|---|---|",
    ]
    for line in bench["groups"].get("growth", {}).get("growth", []):
        memory = "no growth" if line["memory"] is None else f"size^{line['memory']:.2f}"
        verdict = "linear or better" if line["linear"] else "**worse than linear**"
        sizes = (f"{size:,}" for size in (line["sizes"][0], line["sizes"][-1]))
        lines.append(
            f"| {line['what']} | {' | '.join(sizes)} | size^{line['time']:.2f} | {memory} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


PICTURES = """\
![Each figure against its target; right of 1 is better than asked](bench/bench.svg)

![Time and memory against size, on logarithmic axes; grey is linear](bench/growth.svg)
"""


PLOT = "![Each figure against its target; right of 1 is better than asked](docs/bench/bench.svg)\n"


def blocks(bench: dict[str, Any]) -> dict[str, str]:
    """The parts that documents include, by name."""
    return {
        "table": main_table(bench),
        "remarks": remarks(bench),
        "tried": tried_table(bench),
        "growth": growth_table(bench),
        "pictures": PICTURES,
        "plot": PLOT,
    }


def whole(bench: dict[str, Any]) -> str:
    """All of it, as table.md."""
    part = blocks(bench)
    first = f"{part['table']}\n{part['remarks']}"
    return f"{first}\n## What was tried\n\n{part['tried']}\n## How cost grows\n\n{part['growth']}"
