"""Subtle mistakes, made one by one: which do the tests not notice?

    python tests/mutate.py [WORD ...]
    python tests/mutate.py --random N FILE TESTS ...

Each mistake of tests/mutations.yaml is made in a copy of the project, where the tests that it names are run.
Words choose the mistakes whose file or text contains one of them. With `--random`, N mistakes are drawn in a
file: another operator or number, or a statement left out. The last lines list the mistakes that survive.
"""

import argparse
import ast
import io
import os
import random
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import helpers  # noqa: E402
from diffusion import data  # noqa: E402

PYTEST = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
SECONDS = 1800  # more than any test file needs
NOTICED = "noticed"
OTHER = {"+": "-", "-": "+", "*": "/", "/": "*", "//": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
OTHER |= {"==": "!=", "!=": "==", "and": "or", "or": "and", "not": "", "in": "not in"}
OTHER |= {"True": "False", "False": "True", "min": "max", "max": "min", "any": "all", "all": "any"}
LEFT_OUT = ast.Expr | ast.Assign | ast.AugAssign | ast.Raise | ast.Continue | ast.Break


@dataclass(frozen=True)
class Mistake:
    """A file with a mistake: the text before and after, in words, and the tests that should notice it."""

    file: str
    old: str
    new: str
    code: str  # of the whole file
    tests: list[str]


def listed(words: list[str]) -> Iterator[Mistake]:
    """The mistakes of tests/mutations.yaml; `code` is empty if one no longer applies."""
    entries = yaml.safe_load(Path(__file__).with_name("mutations.yaml").read_text("utf-8"))
    for entry in entries:
        if words and not any(word in str(entry) for word in words):
            continue
        path, tests = helpers.ROOT / entry["of"], [f"tests/{name}" for name in entry["tests"].split()]
        before = path.read_text("utf-8") if path.is_file() else ""
        applies = before.count(entry["old"]) == 1 and all((helpers.ROOT / name).exists() for name in tests)
        code = before.replace(entry["old"], entry["new"]) if applies else ""
        yield Mistake(entry["of"], entry["old"].strip(), entry["new"].strip(), code, tests)


def changes(code: str) -> Iterator[tuple[int, int, str]]:
    """All small mistakes in a file: start, end, and the text that takes the place of what is there."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if token.string in OTHER:
            yield start, end, OTHER[token.string]
        elif token.type == tokenize.NUMBER:
            yield start, end, f"({token.string} + 1)"
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, LEFT_OUT) and not isinstance(getattr(node, "value", None), ast.Constant):
            first, last = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno]
            yield first, last, "pass\n"


def at_random(n: int, file: str, tests: list[str]) -> Iterator[Mistake]:
    """Mistakes in a file, without choice: other ones in each call."""
    before = (helpers.ROOT / file).read_text("utf-8")
    every = [*changes(before)]
    random.shuffle(every)
    for start, end, text in every:
        code = before[:start] + text + before[end:]
        try:
            ast.parse(code)
        except SyntaxError:
            continue
        if n == 0:
            return
        n -= 1
        line, after = (
            whole[whole.rfind("\n", 0, start) + 1 :].partition("\n")[0] for whole in (before, code)
        )
        yield Mistake(file, line.strip(), after.strip(), code, tests)


def outcome(mistake: Mistake, project: Path) -> str:
    """What becomes of a mistake in a copy of the project, which is then as it was."""
    if not mistake.code:
        return "NO LONGER APPLIES"
    path = project / mistake.file
    before = path.read_text("utf-8")
    path.write_text(mistake.code, encoding="utf-8")
    own = {"MNIST_DIR": str(data.folder()), "OMP_NUM_THREADS": "1"}
    options = {"env": own | os.environ | {"PYTHONPATH": str(project)}, "capture_output": True, "text": True}
    try:
        done = subprocess.run([*PYTEST, *mistake.tests], cwd=project, timeout=SECONDS, **options)
    except subprocess.TimeoutExpired:
        return "UNDECIDED: the tests do not end"
    finally:
        path.write_text(before, encoding="utf-8")
    if done.returncode == 0:
        return "SURVIVES"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return f"{NOTICED} by {failed[0][:160]}" if failed else f"UNDECIDED: pytest ended with {done.returncode}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--random", type=int, metavar="N")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    if given.random:
        mistakes = [*at_random(given.random, given.words[0], given.words[1:])]
    else:
        mistakes = [*listed(given.words)]
    left = []
    with tempfile.TemporaryDirectory() as folder:
        project = helpers.copied(Path(folder))
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)  # tests ask git for its files
        for mistake in mistakes:
            result = outcome(mistake, project)
            print(f"{mistake.file}: {mistake.new[:80]}: {result}", flush=True)
            left += [] if result.startswith(NOTICED) else [(mistake, result)]
    print(f"\n{len(mistakes) - len(left)} of {len(mistakes)} are noticed")
    for mistake, result in left:
        print(f"{result}: {mistake.file}: {mistake.old!r} -> {mistake.new!r}")


if __name__ == "__main__":
    main()
