"""Mutation testing: which small changes of one file do the tests not notice?

    make mutants FILE=diffusion/processes/schedules.py [TESTS="tests/unit tests/golden"] [SAMPLE=60]

The changes are mutmut's operators: another operator, a number plus one, an argument left out, True for False,
and so on. mutmut itself leaves out functions with decorators, which are many here, and a new process would
spend seconds on importing torch. So this file applies the operators to whole files, in copies of the project,
and forks each run of pytest from a process that has imported the libraries, and the modules of the project
that do not need the file. Each mutant meets the tests that execute its line, then quick other tests of their
files.

A mutant is killed if a test fails, or needs more processor time than a multiple of what it needs without a
mutant. Time on the clock kills none, since other work makes this machine slow: a mutant that takes too long
by the clock alone is listed as undecided, and counts as a survivor.

SAMPLE mutants are drawn, always the same of one file's text; SAMPLE=all takes all of them. The mutants of
survivors.yaml are left out, and others take their places: each has a reason why no test should notice it.
The last line is "killed N of M".
"""

import ast
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import coverage
import hypothesis
import libcst as cst
import pytest
import yaml
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation import mutators

ROOT = Path(__file__).resolve().parents[1]
WARM = "matplotlib.pyplot nbformat pandas pydantic scipy.stats torch torchmetrics torchvision"
# Imported before the forks, too, where a test of the file imports them.
LATE = "IPython.core.interactiveshell bs4 jinja2 nbconvert papermill pypandoc safetensors.torch seaborn"
LATE += " sklearn.datasets sklearn.mixture torch_fidelity.metric_prc typst yaml"
UNUSED = "anyio cacheprovider faulthandler nbval platformdirs playwright xdist"  # plugins of pytest
OPERATORS = [(kind, operator) for kind, operator in mutators.mutation_operators if kind is not cst.Assign]
SKIPPED = (cst.Annotation, cst.Decorator, cst.FormattedString, cst.Import, cst.ImportFrom, cst.Raise)
PATIENCE = 20  # seconds of the processor more than three times what the tests take without a mutant
REST = 3  # seconds of the processor for tests that are in a file with the chosen ones
WAIT = 20  # times as long by the clock
MEMORY = Path("/dev/shm")  # a folder without a disk, if the system has one
ROOM = 2 << 30  # bytes that must be free in it

# Fewer examples than the suite's, of which none is made smaller: a failure is a failure.
EXAMPLES = {"max_examples": 25, "phases": (hypothesis.Phase.explicit, hypothesis.Phase.generate)}
hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, **EXAMPLES)


@dataclass(frozen=True)
class Mutant:
    """One change of a file: its line, the line's text before and after, and the whole file after it."""

    line: int
    statement: int  # the first line of the statement, which coverage knows
    before: str
    after: str
    code: str


def mutants_of(code: str) -> Iterator[Mutant]:
    """All mutants of a file's code."""
    wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
    positions, lines = wrapper.resolve(PositionProvider), code.splitlines()
    spans = wrapper.resolve(WhitespaceInclusivePositionProvider)
    starts = [0, *accumulate(map(len, code.splitlines(keepends=True)))]

    def whole(node: cst.CSTNode, changed: cst.CSTNode) -> str:
        """The code with a node changed."""
        if isinstance(node, cst.BaseCompoundStatement):  # whose indentation only the whole module knows
            return wrapper.module.deep_replace(node, changed).code
        start, end = (starts[place.line - 1] + place.column for place in (spans[node].start, spans[node].end))
        return code[:start] + wrapper.module.code_for_node(changed) + code[end:]

    def visit(node: cst.CSTNode, statement: int) -> Iterator[Mutant]:
        if isinstance(node, SKIPPED):
            return
        if isinstance(node, cst.BaseCompoundStatement | cst.SimpleStatementLine):
            statement = positions[node].start.line
        for kind, operator in OPERATORS:
            for changed in operator(node) if isinstance(node, kind) else ():
                if not is_trivial(node, changed):
                    after = whole(node, changed)
                    line = positions[node].start.line
                    yield Mutant(line, statement, *difference(lines, after.splitlines()), after)
        for child in node.children:
            yield from visit(child, statement)

    yield from visit(wrapper.module, 1)


def is_trivial(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """Whether a change is of prose or of a name's case, or only crashes, as None for an argument does."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value or "XX" not in changed.value
    if isinstance(node, cst.AnnAssign | cst.Lambda):
        return True
    return (
        isinstance(node, cst.Call)
        and isinstance(changed, cst.Call)
        and any(
            new.value is not old.value and isinstance(new.value, cst.Name) and new.value.value == "None"
            for old, new in zip(node.args, changed.args, strict=False)
            if len(node.args) == len(changed.args)
        )
    )


def difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """The lines in which two texts differ, of each."""
    start = next(i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
    pairs = zip(reversed(before), reversed(after), strict=False)
    end = next(i for i, pair in enumerate(pairs) if pair[0] != pair[1])
    end = min(end, len(before) - start - 1, len(after) - start - 1)
    return tuple(" ".join(map(str.strip, text[start : len(text) - end])) for text in (before, after))


# === running tests ========================================================================================


def forked(project: Path, work: Callable[[], int], seconds: int) -> int | None:
    """Exit status of work in a process of its own within a copy of the project, with a limit of its
    processor time; None: it waited too long.
    """
    if not (pid := os.fork()):
        try:
            os.setsid()
            os.chdir(project)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            silence = os.open(project / "build.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            os.environ["PYTHONPATH"] = str(project)
            sys.path[:0] = [str(project), str(project / "tests")]
            os._exit(work())
        except BaseException:  # a crash of pytest itself
            os._exit(70)
    end = time.monotonic() + WAIT * seconds
    while time.monotonic() < end:
        if (ended := os.waitpid(pid, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(ended[1])
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run_pytest(names: list[str], *plugins: object) -> int:
    """Exit status of pytest on tests by their names."""
    options = ["-q", "--tb=no", f"--basetemp={Path.cwd()}.tests", "--hypothesis-profile=mutants"]
    options += [word for name in UNUSED.split() for word in ("-p", f"no:{name}")]
    options += ["-o", "addopts=--strict-markers --import-mode=importlib"]
    return int(pytest.main([*options, *names], [*plugins]))


def module_of(path: str | Path, project: Path) -> str:
    """The name of the module in a file of the project."""
    name = str(path).removeprefix(f"{project}{os.sep}").removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


class Tracer:
    """A plugin of pytest that notes which tests execute which lines of a file, and their processor time."""

    def __init__(self, path: Path, out: Path):
        self.out, self.seconds, self.failed = out, {}, []
        self.coverage = coverage.Coverage(data_file=None, include=[str(path)], config_file=False)
        self.path = str(path)

    def pytest_sessionstart(self) -> None:
        self.coverage.start()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        begun = sum(os.times()[:4])  # of this process, and of those that it waited for
        yield
        self.seconds[item.nodeid] = sum(os.times()[:4]) - begun

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        lines = self.coverage.get_data().contexts_by_lineno(self.path)
        late = [name for name in LATE.split() if name in sys.modules]
        places = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
        own = {n: place for n, place in places.items() if module_of(place, Path.cwd()) == n}
        own = {n: place for n, place in own.items() if not n.startswith("tests.")}
        notes = {"lines": lines, "seconds": self.seconds, "failed": self.failed, "late": late, "own": own}
        self.out.write_text(json.dumps(notes))


def trace(
    project: Path, file: str, tests: list[str]
) -> tuple[dict[int, list[str]], dict[str, float], dict[str, str]]:
    """The tests that execute each line of a file, their seconds, and the project's modules that they import.

    Line 0 is for the tests that execute any line. The modules come with their files, in the order of imports.
    """
    out = project / "trace.json"
    status = forked(
        project, lambda: run_pytest(["-m", "not long", *tests], Tracer(project / file, out)), 3600
    )
    if not out.is_file():
        sys.exit(f"the tests did not run (status {status}): {(project / 'build.log').read_text()[-2000:]}")
    notes = json.loads(out.read_text())
    if notes["failed"]:
        print("without a mutant these fail, and are left out:", *notes["failed"], sep="\n  ")
    for name in notes["late"]:
        importlib.import_module(name)
    good = {name: n for name, n in notes["seconds"].items() if name not in notes["failed"]}
    lines = {int(line): [name for name in names if name in good] for line, names in notes["lines"].items()}
    lines[0] = sorted({name for names in lines.values() for name in names})
    return lines, good, notes["own"]


def preload(project: Path, file: str, modules: dict[str, str]) -> None:
    """Import those of the project's modules for which the file is not needed, so that forks share them.

    What a module imports is read, and then tried in a fork, as some names are imported when they are used.
    """
    mutated, out = module_of(file, project), project / "imported"
    needed = {name: imports_of(place) for name, place in modules.items()}
    without, before = {mutated}, set()
    while without != before:
        before = without
        packages = tuple(f"{name}." for name in without)
        without = before | {n for n in modules if needed[n] & before or n.startswith(packages)}
    names = [name for name in modules if name not in without]

    def attempt() -> int:
        for name in names:
            importlib.import_module(name)
            if mutated in sys.modules:
                break
            with out.open("a") as file:
                file.write(f"{name}\n")
        return 0

    while True:
        out.write_text("")
        forked(project, attempt, 600)
        good = out.read_text().split()
        if len(good) == len(names):
            break
        names = good + names[len(good) + 1 :]
    for name in names:
        importlib.import_module(name)


def imports_of(path: str) -> set[str]:
    """The modules and names that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def verdict(
    project: Path, file: str, mutant: Mutant, tests: list[str], seconds: dict[str, float], moment: int
) -> bool | None:
    """Whether one of the tests fails with a mutant in place, or one of the quick other tests of their files,
    which may meet it in a fixture that they share.

    The file's time is the moment, a number that no other mutant has: Python keeps the bytecode of a file
    whose time in whole seconds and whose size are the same.
    """
    path = project / file
    before = path.read_text("utf-8")
    chosen = sorted(tests, key=seconds.__getitem__)
    files = {name.partition("::")[0] for name in chosen}
    rest = [name for name in seconds if name.partition("::")[0] in files and name not in tests]
    rest.sort(key=seconds.__getitem__)
    spent = accumulate(map(seconds.__getitem__, rest))
    chosen += [name for name, total in zip(rest, spent, strict=True) if total < REST]
    path.write_text(mutant.code, "utf-8")
    os.utime(path, (moment, moment))
    try:
        limit = PATIENCE + 3 * int(sum(map(seconds.__getitem__, chosen)))
        status = forked(project, lambda: run_pytest(["-x", *chosen]), limit)
        return None if status is None else status != 0
    finally:
        path.write_text(before, "utf-8")


# === a file ===============================================================================================


def chosen_mutants(file: str, sample: str) -> list[Mutant]:
    """The mutants of a file that are tried, without the survivors that have a reason."""
    every = list(mutants_of((ROOT / file).read_text("utf-8")))
    every = [mutant for mutant in every if mutant.before != mutant.after]
    random.Random(file).shuffle(every)  # a reason more leaves the rest of a sample as it is
    reasons = yaml.safe_load((ROOT / "tests" / "survivors.yaml").read_text("utf-8")) or []
    known = {(entry["before"], entry["after"]) for entry in reasons if entry["file"] == file}
    rest = [mutant for mutant in every if (mutant.before, mutant.after) not in known]
    print(f"{file}: {len(every)} mutants; {len(every) - len(rest)} have a reason in survivors.yaml")
    return sorted(rest if sample == "all" else rest[: int(sample)], key=lambda mutant: mutant.line)


def copies(folder: Path, n: int) -> list[Path]:
    """Copies of the project, each a git repository, as tests ask git for its files."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    projects = [folder / str(i) for i in range(n)]
    for project in projects:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (project / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, project / name)
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    return projects


def main(file: str, tests: str = "tests/unit tests/golden", sample: str = "60", workers: str = "2") -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "MNIST_DIR": os.environ.get("MNIST_DIR", str(ROOT / "data"))}
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() not in (ROOT, ROOT / "tests")]
    for name in WARM.split():
        importlib.import_module(name)
    if not (ROOT / file).is_file():
        sys.exit(f"there is no file {file}; expected: a path from the project's folder")
    mutants, killed = chosen_mutants(file, sample), 0
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    where = tempfile.TemporaryDirectory(dir=MEMORY if has_room else None)
    with where as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        projects = copies(Path(folder), int(workers))
        lines, seconds, modules = trace(projects[0], file, tests.split())
        spent = sum(map(seconds.__getitem__, lines[0]))
        print(f"{len(lines[0])} tests execute it, {spent:.0f} s of the processor", flush=True)
        outcomes, send = os.pipe()
        for i, project in enumerate(projects):
            if not os.fork():
                try:
                    os.close(outcomes)
                    sys.path[:0] = [str(project), str(project / "tests")]
                    preload(project, file, modules)
                    gc.collect()
                    gc.freeze()  # a collection in a fork would copy the pages of all that was imported
                    for place in range(i, len(mutants), len(projects)):
                        names = lines.get(mutants[place].statement) or lines[0]
                        found = bool(names) and verdict(project, file, mutants[place], names, seconds, place)
                        os.write(send, f"{place} {found}\n".encode())
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                    os._exit(70)
        os.close(send)
        with open(outcomes) as told:
            for done, line in enumerate(told, 1):
                place, found = line.split()
                mutant = mutants[int(place)]
                killed += found == "True"
                if found != "True":
                    said = "is undecided" if found == "None" else "survives"
                    print(
                        f"{file}:{mutant.line} {said}:\n  - {mutant.before}\n  + {mutant.after}", flush=True
                    )
                elif done % 20 == 0:
                    print("...", flush=True)
        if any(os.wait()[1] for _ in projects):
            sys.exit("a worker failed")
    print(f"killed {killed} of {len(mutants)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
