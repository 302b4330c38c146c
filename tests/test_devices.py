"""Memory that a training step frees is there for the next one, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from diffusion import ddpm, devices, network, schedules
if sys.argv[1] == "kept":
    assert devices.keep_freed_memory()
model, process = network.Reconstructor(), ddpm.DDPM(schedules.linear())
x, draws = torch.zeros(128, 1, 28, 28), torch.Generator()
def step():
    process.loss(model, x, draws).backward()
    model.zero_grad()
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_freed_memory_is_kept_for_the_next_step(root):
    def page_faults(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, how]
        return int(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)

    assert page_faults("kept") < page_faults("default") / 5
