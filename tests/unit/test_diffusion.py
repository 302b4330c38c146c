"""What `import diffusion as d` offers."""

import subprocess
import sys

import diffusion as d


def test_every_public_name_is_there():
    assert all(getattr(d, name) is not None for name in d.__all__)


def test_importing_it_imports_nothing_else(root):
    code = "import sys, diffusion; diffusion.__version__; print({'torch', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
