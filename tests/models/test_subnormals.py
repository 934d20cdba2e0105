"""Numbers too small to be normal."""

import torch

from models.subnormals import subnormals_as_zero


def test_they_are_zero_within_and_themselves_outside() -> None:
    small = torch.full((8,), 1e-38)
    with subnormals_as_zero():
        assert not (small * 0.1).any()
        assert (small * 10).all()
    assert (small * 0.1).all()
