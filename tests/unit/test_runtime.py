"""What every part stands on: random numbers and public names."""

import subprocess
import sys

import torch

from diffusion import runtime
from helpers import ROOT


def test_a_generator_is_a_function_of_its_whole_key():
    keys = [(0, "noise", 1), (0, "order", 1), (1, "noise", 1), (0, "noise", 11), (0, "noise", 1, 1)]
    first, again = ([str(torch.randn(3, generator=runtime.generator(*key))) for key in keys] for _ in "ab")
    assert first == again
    assert len({*first}) == len(keys)


def test_importing_the_package_imports_nothing_else_until_a_public_name_is_used():
    code = "import sys, diffusion as d; d.__version__; print({'torch', 'numpy'} & sys.modules.keys())"
    code += "; print(all(getattr(d, name) is not None for name in d.__all__))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["set()", "True"]
