"""What `import diffusion as d` offers."""

import subprocess
import sys

import pytest

import diffusion as d


def test_every_public_name_is_there():
    for name in d.__all__:
        assert getattr(d, name) is not None, name
    assert set(d.__all__) <= set(dir(d))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        _ = d.colour


def test_importing_it_imports_nothing_else(root):
    code = "import sys, diffusion; diffusion.__version__; print({'torch', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
