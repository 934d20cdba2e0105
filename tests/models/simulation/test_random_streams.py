from __future__ import annotations

import numpy as np
import pytest

from models.simulation.random_streams import RandomStreams


def test_a_stream_depends_on_its_seed_only() -> None:
    alone, together = RandomStreams([7], 3), RandomStreams([5, 7, 9], 3)
    for _ in range(100):
        np.testing.assert_array_equal(alone.draw(np.array([0]))[0], together.draw(np.arange(3))[1])


def test_a_stream_waits_while_others_are_drawn_from() -> None:
    streams, reference = RandomStreams([1, 2], 2), RandomStreams([2], 2)
    for _ in range(50):
        streams.draw(np.array([0]))
    np.testing.assert_array_equal(streams.draw(np.array([1])), reference.draw(np.array([0])))


def test_numbers_are_uniform_and_streams_unlike() -> None:
    streams = RandomStreams(range(20), 5)
    drawn = np.stack([streams.draw(np.arange(20)) for _ in range(200)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(np.corrcoef(drawn[:, :, 0].T) - np.eye(20)).max() < 0.35


def test_keep_goes_on_with_the_chosen_streams() -> None:
    streams, reference = RandomStreams([1, 2, 3], 2), RandomStreams([3, 1], 2)
    streams.keep(np.array([2, 0]))
    for _ in range(40):
        np.testing.assert_array_equal(streams.draw(np.arange(2)), reference.draw(np.arange(2)))
