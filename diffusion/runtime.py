"""Foundations: random numbers, device and precision, files, things found by name, progress."""

import contextlib
import difflib
import hashlib
import importlib
import inspect
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import tokenize
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

PACKAGE = Path(__file__).parent
PRECISIONS = ("auto", "fp32", "bf16")
LINE_SECONDS = 10  # between two lines of progress


def checkout() -> Path | None:
    """The project's folder when the package lies in a checkout; None where it is installed."""
    return PACKAGE.parent if (PACKAGE.parent / "Snakefile").is_file() else None


def releases() -> Path:
    """The folder of released results, in the checkout or in the installed package."""
    project = checkout()
    return project / "released" if project else PACKAGE / "_released"


# --- random numbers ---


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator that is a function of its key, such as (seed, "noise", step).

    Data order and noise come from such generators and never from a global stream: a run that is resumed sees
    the numbers that it would have seen in one go.
    """
    number = int.from_bytes(hashlib.sha256("/".join(map(str, key)).encode()).digest()[:4], "big")
    return torch.Generator().manual_seed(number)  # the generator itself looks at 32 bits


# --- device and precision ---


def device() -> torch.device:
    """The GPU where there is one, else the CPU; the environment variable `COLD_ZOOM_DEVICE` overrules it."""
    return torch.device(
        os.environ.get("COLD_ZOOM_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    )


def device_of(network: object) -> torch.device:
    """Device of a network's weights; the CPU for a plain function."""
    parameters = getattr(network, "parameters", None)
    return next(parameters()).device if parameters else torch.device("cpu")


def resolve_precision(precision: str, on: torch.device) -> str:
    """`auto` becomes bf16 where hardware is faster in it, fp32 elsewhere.

    Raises:
        ValueError: not one of auto, fp32, bf16.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; allowed: {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    if on.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if on.type == "cpu" and _fast_in_bf16() else "fp32"


def _fast_in_bf16() -> bool:
    """True for a CPU that trains faster in bf16: one with AMX, or AMD's AVX512-BF16; see docs/speed.md."""
    amx, avx = (  # of torch.cpu; absent in some builds
        getattr(torch.cpu, probe, lambda: False)()
        for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    try:
        intel = "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        intel = False
    return amx or (avx and not intel)


def autocast(on: torch.device, precision: str) -> AbstractContextManager:
    """The context in which a network runs: convolutions and products in bf16, or everything in float32."""
    return torch.autocast(on.type, torch.bfloat16, enabled=precision == "bf16")


def commit() -> str:
    """The commit, with `-dirty` when tracked files differ from it, or `unknown` outside a git checkout."""
    try:
        run = {"cwd": PACKAGE, "capture_output": True, "text": True, "check": True, "timeout": 10}
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], **run).stdout.strip()
        dirty = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], **run).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if dirty else "")


def environment(precision: str = "fp32", on: torch.device | None = None) -> dict[str, Any]:
    """Versions, machine and commit of a result, for its record."""
    on = on or torch.device("cpu")
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(
            (ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("model name")), processor
        )
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        **{name: metadata.version(name) for name in ("torchvision", "torchmetrics")},
        "device": on.type,
        "device_name": torch.cuda.get_device_name(on) if on.type == "cuda" else processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "commit": commit(),
    }


# --- files: whole or absent ---


def write_bytes(path: str | os.PathLike, content: bytes) -> Path:
    """Write `content` to `path` atomically, making its folder; returns the path.

    A temporary file in the same folder is flushed to the disk and then renamed.

    Raises:
        OSError: the folder cannot be written or the disk is full; an earlier file at `path` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private to the user
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # makes the rename durable, where the file system offers it
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path


def write_json(path: str | os.PathLike, content: Any) -> Path:
    """Write `content` as indented JSON, atomically. NaN and infinity are refused, as in JSON."""
    return write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: the file is missing or not JSON; the message names it and says what to do.
    """
    path = Path(path)
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(
            f"{path} does not exist; run the notebook that writes it, or `make report`"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}); delete it and run its notebook again"
        ) from None


def sha256(path: str | os.PathLike) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest(content: Any, length: int = 12) -> str:
    """Short hash of a JSON-like value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]


def difference(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first setting that differs between two nested settings, in words; None where they are equal.

    >>> difference({"seed": 0, "data": {"n": 1}}, {"seed": 0, "data": {"n": 2}})
    'data.n was 1, is 2'
    """
    return next(differences(recorded, wanted), None)


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """All of them."""
    for key in sorted(recorded.keys() | wanted.keys()):
        a, b = recorded.get(key), wanted.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from differences(a, b, f"{prefix}{key}.")
        elif a != b:
            yield f"{prefix}{key} was {a!r}, is {b!r}"


# --- things found by name ---


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def named(what: str, name: Any, registry: Mapping[str, Any], folder: Path | None = None) -> Any:
    """An entry of a registry, the object that `module:name` names, or the object itself if it is no text.

    Args:
        what: what is looked for, for messages: "schedule", "degradation", ...
        folder: where the module lies if it is a file, `path/file.py:name`; None: the current folder.

    Raises:
        ValueError: neither registered nor importable; the message has the registered names.
    """
    if not isinstance(name, str):
        return name
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(
            f"{what} is {name!r}; allowed: {', '.join(registry)}, or module:name of your own"
            f"{nearest(name, registry)}"
        )
    try:
        is_file = module.endswith(".py")
        found = _run_file(Path(folder or ".", module)) if is_file else importlib.import_module(module)
        return getattr(found, attribute)
    except Exception as error:  # a module of one's own may fail in any way
        raise ValueError(
            f"{what} is {name!r}, which cannot be loaded ({error}); needed: module:name"
        ) from error


def name_of(what: str, thing: Any) -> str:
    """The name that `named` takes for a class or a function: `module:name`; a name is its own.

    Raises:
        ValueError: it has none by which it is found again, and so none that tells it from another.
    """
    if isinstance(thing, str):
        return thing
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
    if not name or getattr(sys.modules.get(module), name, None) is not thing:
        raise ValueError(
            f"{what} is a {type(thing).__name__}; needed: its name, or a class or function of a module"
        )
    return f"{module}:{name}"


def _run_file(path: Path) -> types.ModuleType:
    """A Python file as a module, read anew each time."""
    module = types.ModuleType(f"own_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where `inspect` looks for the source
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def call_with(function: Any, values: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> Any:
    """Call a function or class with those of `values` that its signature asks for, and all of `options`.

    Raises:
        ValueError: it does not take one of the options, or refuses what it is given.
    """
    accepts = inspect.signature(function).parameters
    if unknown := sorted((options or {}).keys() - accepts.keys()):
        raise ValueError(
            f"{function.__name__} has no option {unknown[0]!r}; it takes {', '.join(accepts) or 'none'}"
            f"{nearest(unknown[0], accepts)}"
        )
    try:
        return function(**{k: v for k, v in values.items() if k in accepts} | dict(options or {}))
    except TypeError as error:
        raise ValueError(f"{function.__name__} cannot be made: {error}") from error


def own_source(thing: Any) -> str | None:
    """Hash of the source of a user's own class or function; None for one of this package.

    `RECIPE` stands for the code of this package. Of a class in a module the whole module counts, for its
    helpers; of one typed into a notebook or a script, the class. Comments, blank lines and the place of the
    file do not count.
    """
    parts = [base for base in getattr(thing, "__mro__", (thing,)) if base is not object]
    own = [p for p in parts if p.__module__.partition(".")[0] not in _NOT_OWN]
    return digest([_without_comments(_source(part)) for part in own]) if own else None


_NOT_OWN = ("diffusion", "torch", "abc", "builtins", "typing", "collections")


def _source(part: Any) -> str:
    file = getattr(sys.modules.get(part.__module__), "__file__", None)
    if file and part.__module__ != "__main__":
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return Path(file).read_text(encoding="utf-8")
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(part)
    # A class in a notebook: Python finds the source of its methods only.
    found = []
    for name, value in sorted(vars(part).items()):
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if inspect.isfunction(function):
            found.append(inspect.getsource(function))
        elif not name.startswith("__") and isinstance(value, int | float | str | bool | tuple):
            found.append(f"{name} = {value!r}")
    return "\n".join(found)


def _without_comments(source: str) -> list[str]:
    lines = source.splitlines()
    with contextlib.suppress(tokenize.TokenError, SyntaxError, IndentationError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
    return [line.rstrip() for line in lines if line.strip()]


# --- progress ---


class _Lines(tqdm):
    """Progress as plain lines, for logs and notebooks run in batch."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        print(msg or str(self), file=self.fp, flush=True)

    def close(self) -> None:
        self.disable = True  # nothing to clear
        super().close()


def progress(
    steps: Iterable, title: str, total: int | None = None, done: int = 0, unit: str = "step"
) -> tqdm:
    """`steps` with a bar on a terminal, and with a plain line every ten seconds elsewhere.

    Args:
        done: steps that an earlier run has done.
    """
    common = {"desc": title, "total": total, "initial": done, "unit": unit}
    if sys.stderr.isatty():
        return tqdm(steps, leave=False, mininterval=0.5, delay=0.5, dynamic_ncols=True, **common)
    shape = "{desc}: {unit} {n_fmt}/{total_fmt}, {remaining} left{postfix}"
    seconds = LINE_SECONDS
    return _Lines(
        steps,
        file=sys.stdout,
        mininterval=seconds,
        maxinterval=3600,
        delay=seconds,
        bar_format=shape,
        **common,
    )


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global stream for what draws from it, such as initial weights; it is restored after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
