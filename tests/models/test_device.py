"""A device answers as the models do that it is made of; on a GPU where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.device.pairs import Pairs
from models.device.simulator import DeviceSimulator
from models.interactions import NO_ITEM, UNKNOWN_RATING, Histories
from models.response.features import FEATURE_NAMES
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.simulation.simulator import UserSimulator
from tests.support.worlds import MAX_HISTORY, N_USERS, tiny_world

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


def _histories(world: UserSimulator, rng: np.random.Generator, lengths: list[int]) -> Histories:
    shape = len(lengths), MAX_HISTORY
    items, likes = np.full(shape, NO_ITEM), np.zeros(shape, dtype=bool)
    ratings = np.full(shape, UNKNOWN_RATING, dtype=np.float32)
    for row, length in enumerate(lengths):
        items[row, :length] = rng.permutation(world.n_items)[:length]
        likes[row, :length] = rng.random(length) < 0.6
        ratings[row, :length] = np.where(rng.random(length) < 0.7, rng.integers(1, 6, size=length), UNKNOWN_RATING)
    return Histories(items, likes, ratings)


def _check(world: UserSimulator, device: str, lengths: list[int], seed: int, most_known: int = 1 << 20) -> None:
    rng = np.random.default_rng(seed)
    histories = _histories(world, rng, lengths)
    users, items = rng.integers(N_USERS, size=len(lengths)), rng.integers(world.n_items, size=len(lengths))
    parts = world.knowledge, world.models, world.ensemble
    on_device = DeviceSimulator(*parts, device, compiled=False, most_known=most_known)
    answers, opinions = on_device.respond(users, items, histories), world.models.opinions(users, items, histories)
    for column, name in enumerate(FEATURE_NAMES):
        found, expected = answers.features[:, column].numpy(force=True), opinions.features[:, column]
        assert found == pytest.approx(expected, abs=2e-4), name
    for found, evidence in (
        (answers.keyword_evidence, opinions.keyword_evidence),
        (answers.similarity_evidence, opinions.similarity_evidence),
    ):
        assert found[0].numpy(force=True) == pytest.approx(evidence.positive, abs=1e-4)
        assert found[1].numpy(force=True) == pytest.approx(evidence.negative, abs=1e-4)
    expected = world.ensemble.probabilities(opinions.features)
    assert answers.probability.numpy(force=True) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), lengths=st.lists(st.integers(0, MAX_HISTORY), min_size=1, max_size=8))
def test_it_answers_as_the_models_do(device: str, seed: int, lengths: list[int]) -> None:
    _check(tiny_world(seed), device, lengths, seed)


@pytest.mark.parametrize("device", DEVICES)
def test_cosines_of_a_large_catalogue_are_multiplied_out(device: str) -> None:
    _check(tiny_world(3), device, [0, 1, 5, MAX_HISTORY], seed=3, most_known=0)


@pytest.mark.parametrize(
    "shape",
    [
        SASRecSettings(width=8, heads=2, blocks=0, max_history=MAX_HISTORY),
        SASRecSettings(width=8, heads=2, blocks=2, max_history=MAX_HISTORY),
        SASRecSettings(width=8, heads=4, blocks=1, max_history=5, statistics_history=3),
        SASRecSettings(width=8, heads=1, blocks=1, max_history=MAX_HISTORY, published=True),
    ],
    ids=["no block", "two blocks", "short memory", "published"],
)
def test_networks_of_every_shape(shape: SASRecSettings) -> None:
    world = tiny_world(4)
    torch.manual_seed(4)
    sasrec = SASRec(world.knowledge.categories, shape).eval()
    sasrec.statistics.fit(world.interactions)
    models = replace(world.models, sasrec=sasrec)
    other = UserSimulator(world.knowledge, world.interactions, models, world.ensemble, world.max_history)
    _check(other, "cpu", [0, 2, 7, MAX_HISTORY], seed=4)


def test_known_states_and_unknown_ratings() -> None:
    world, rng = tiny_world(5), np.random.default_rng(5)
    histories = _histories(world, rng, [0, 3, 9])
    histories = Histories(histories.items, histories.likes)
    users, items = np.arange(3), np.arange(3)
    on_device = DeviceSimulator(world.knowledge, world.models, world.ensemble, "cpu")
    states = world.sasrec.states(histories)
    expected = world.ensemble.probabilities(world.models.opinions(users, items, histories).features)
    for known in (None, states):
        answers = on_device.respond(users, items, histories, known)
        assert answers.probability.numpy() == pytest.approx(expected, abs=1e-4)
    assert not on_device.answer(Pairs.of(users, items, histories, on_device.device)).probability.requires_grad


@pytest.mark.parametrize("device", DEVICES)
def test_many_pairs_are_answered_in_parts(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, rng = tiny_world(8), np.random.default_rng(8)
    histories = _histories(world, rng, [0, 3, 9, 1, MAX_HISTORY])
    users, items = rng.integers(N_USERS, size=5), rng.integers(world.n_items, size=5)
    on_device = DeviceSimulator(world.knowledge, world.models, world.ensemble, device, compiled=False)
    states = world.sasrec.states(histories)
    whole = [on_device.respond(users, items, histories, known) for known in (None, states)]
    monkeypatch.setattr("models.device.simulator._ROWS_AT_ONCE", 2)
    in_parts = [on_device.respond(users, items, histories, known) for known in (None, states)]
    pairs = Pairs.of(users, items, histories, on_device.device)
    in_parts += [on_device.answer(pairs), on_device.answer(pairs, torch.from_numpy(states).to(device))]
    for found, expected in zip(in_parts, whole * 2, strict=True):
        for part, of_whole in zip(found, expected, strict=True):
            assert torch.allclose(part, of_whole, atol=1e-5)
    assert on_device.states(histories).numpy(force=True) == pytest.approx(states, abs=1e-5)


def test_states_are_those_of_the_network() -> None:
    world, rng = tiny_world(7), np.random.default_rng(7)
    histories = _histories(world, rng, [0, 4, MAX_HISTORY])
    on_device = DeviceSimulator(world.knowledge, world.models, world.ensemble, "cpu")
    assert on_device.states(histories).numpy() == pytest.approx(world.sasrec.states(histories), abs=1e-5)
    assert np.array_equal(world.states(histories), world.sasrec.states(histories))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device cuda: found PyTorch .* without a GPU; install"):
        tiny_world(0).to("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_users_on_a_gpu_vote_alike() -> None:
    users = np.arange(2000) % N_USERS
    answers = []
    for device in ("cpu", "cuda"):
        world = tiny_world(6).to(device)
        histories = world.interactions.histories(users, MAX_HISTORY)
        answers.append(world.respond(users, users * 7 % world.n_items, histories, np.random.default_rng(0)))
    on_cpu, on_gpu = answers
    assert on_gpu.probability == pytest.approx(on_cpu.probability, abs=1e-4)
    assert (on_gpu.votes == on_cpu.votes).mean() > 0.999
    assert len(world.respond(users[:1], users[:1], histories[:1], np.random.default_rng(0))) == 1
