"""Refuse phrases that the project's English avoids, in text written for people.

    python tests/prose.py [FILE ...]

Without files it reads `SCOPE`. It prints a line for each phrase found, with what to write instead, and fails
if there is any; there are no exceptions. Code, formulas and links are not read.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Text that is free of these phrases; add a pattern once its files pass.
SCOPE = ("*.md", "docs/**/*.md", "docs/site.html", "benchmarks/*.py", "play/*.py", "report/**/*.py")
SCOPE += ("diffusion/**/*.py", "paper/*.py", "paper/claims/*.py", "paper/figures/*.py")

RULES = {  # phrase, a regular expression -> what to write instead
    r"in place of": "instead of",
    r"beside": "next to, with",
    r"anew": "again",
    r"that of|those of|the ones? that": "name the thing again",
    r"of (?:your|one's) own": "your own ...",
    r"(?<!\bthere\s)(?:is|are|was|were) no (?!longer|more)\w+": "is not a ..., without",
    r"there (?:is|are) none|is none": "there is no ...",
    r"need not": "does not have to",
    r"if need be|if nothing is said|as committed": "by default, if needed",
    r"at hand": "available",
    r"(?:lies?|stands?) (?:in|there|beside|under|below)": "is in, contains",
    r"go(?:es)? on": "resumes, continues",
    r"trainings": "runs",
    r"learnt": "learned",
    r"the study": "the original study, Vrikkis (2024)",
    r"\d+ %": "95%, without a space",
}
PATTERNS = {
    re.compile(rf"\b(?:{phrase})".replace(" ", r"\s+"), re.IGNORECASE): instead
    for phrase, instead in RULES.items()
}
CODE = {  # of a kind of file, what is not prose
    ".md": r"^```.*?^```|`[^`\n]+`|\]\([^)\n]*\)|\$[^$\n]+\$|<!--.*?-->",
    ".py": r"`[^`\n]+`|^ +[a-z_][\w, ]*(?=:)",  # names of arguments and attributes
    ".html": r"<style>.*?</style>|<script>.*?</script>|<[^>]*>",
}
KINDS = {kind: re.compile(code, re.DOTALL | re.MULTILINE) for kind, code in CODE.items()}


def passages(path: Path) -> Iterator[tuple[int, str]]:
    """The prose of a file in parts, each with the number of its first line (in a notebook, of its cell)."""
    source = path.read_text("utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(source)):
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if documented and (text := ast.get_docstring(node)):
                yield node.body[0].lineno, text
    elif path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(source)["cells"], 1):
            if cell["cell_type"] == "markdown":
                yield number, "".join(cell["source"])
    else:
        yield 1, source


def blank(code: re.Match) -> str:
    """Blanks as long as the code, on as many lines."""
    return re.sub(r"[^\n]", "\0", code[0])


def find(text: str, kind: str = ".md") -> list[tuple[int, str, str]]:
    """Line, phrase and what to write instead, for each phrase found in a text."""
    prose = KINDS.get(kind, KINDS[".md"]).sub(blank, text)
    phrases = []
    for pattern, instead in PATTERNS.items():
        for match in pattern.finditer(prose):
            phrase = " ".join(match[0].split())
            phrases.append((prose.count("\n", 0, match.start()), phrase, instead))
    return sorted(phrases)


def main(names: list[str]) -> int:
    listed = [path for pattern in SCOPE for path in sorted(ROOT.glob(pattern))]
    paths = [Path(name).resolve() for name in names] or listed
    count = 0
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        for start, text in passages(path):
            for line, phrase, instead in find(text, path.suffix):
                print(f'{name}:{start + line}: "{phrase}"; write: {instead}')
                count += 1
    return count


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
