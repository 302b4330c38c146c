"""The way back of a process with a network that a test writes down."""

import torch

from diffusion.processes.samplers import sampler_of


def walk(process, network, n, seed=0, sampler=None, start=None, chunk=128):
    """Latents by time step, from the process's own prior unless a start is given."""
    generator = torch.Generator().manual_seed(seed)
    start = process.draw_prior(n, generator) if start is None else start
    return dict(process.reverse(network, start, sampler_of(sampler, process), generator, chunk))


def sampled(process, network, n, seed=0, **how):
    return walk(process, network, n, seed, **how)[0]
