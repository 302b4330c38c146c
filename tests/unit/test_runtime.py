"""What every part stands on: random numbers and public names."""

import importlib
import pkgutil
import subprocess
import sys

import torch

import diffusion as d
from diffusion import own, runtime
from diffusion.processes import blur, zoom
from helpers import ROOT


def test_a_generator_is_a_function_of_its_whole_key():
    keys = [(0, "noise", 1), (0, "order", 1), (1, "noise", 1), (0, "noise", 11), (0, "noise", 1, 1)]
    first, again = ([str(torch.randn(3, generator=runtime.generator(*key))) for key in keys] for _ in "ab")
    assert first == again
    assert len({*first}) == len(keys)


CPU, META = torch.device("cpu"), torch.device("meta")
CACHES = {  # cached function -> arguments: the first, and some that differ from them in one part alone
    zoom._nearest: [(8, CPU), (9, CPU), (8, META)],
    blur._blurs: [(3, 8, CPU), (4, 8, CPU), (3, 9, CPU), (3, 8, META)],
    own.strip: [("a = 1",), ("a = 2",)],
    own.training_code: [()],
}


def test_each_part_of_the_key_of_a_cache_gives_another_result():
    """Those of objects, where their results are tested: priors, floors and real images."""
    modules = [importlib.import_module(info.name) for info in pkgutil.walk_packages(d.__path__, "diffusion.")]
    cached = {value for module in modules for value in vars(module).values() if hasattr(value, "cache_info")}
    assert cached == CACHES.keys()
    for function, calls in CACHES.items():
        assert len({str(function(*call)) for call in calls}) == len(calls)


def test_importing_the_package_imports_nothing_else_until_a_public_name_is_used():
    code = "import sys, diffusion as d; d.__version__; print({'torch', 'numpy'} & sys.modules.keys())"
    code += "; print(all(getattr(d, name) is not None for name in d.__all__))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "True"]
