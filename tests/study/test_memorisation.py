"""Nearest training images by hand, and what counts as nearer than test images are."""

import pytest
import torch

from study import memorisation


def images(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)


def test_the_nearest_image_is_found_whatever_the_chunk():
    train, x = images(50, 0), images(7, 1)
    x[3] = train[31]
    x[3, 0, 0, 0] ^= 255  # one pixel apart: from v to 255 - v
    far = memorisation.nearest(x, train, chunk=8)
    by_hand = [[float(((a.float() - b.float()) / 255).square().sum().sqrt()) for b in train] for a in x]
    assert far.tolist() == pytest.approx([min(row) for row in by_hand], rel=1e-4)
    assert by_hand[3][31] == min(by_hand[3])


def test_copies_are_closer_than_test_images_and_fresh_images_are_not():
    far = torch.linspace(1, 2, 200)
    labels = torch.arange(200) % 10
    same = memorisation.memorised((far, labels), (far, labels))
    assert same.closer.value == same.closer_in_class.value == pytest.approx(0.05, abs=0.001)
    copies = memorisation.memorised((torch.zeros(200), labels), (far, labels))
    assert copies.closer.value == copies.closer_in_class.value == 1


def test_a_class_that_always_lies_near_does_not_count_as_copied():
    labels = torch.arange(200) % 2
    far = torch.where(labels == 0, torch.linspace(1, 2, 200), torch.linspace(5, 6, 200))
    zeros = labels == 0
    found = memorisation.memorised((far[zeros], labels[zeros]), (far, labels))
    assert found.closer.value == pytest.approx(0.1, abs=0.01)
    assert found.closer_in_class.value == pytest.approx(0.05, abs=0.01)
