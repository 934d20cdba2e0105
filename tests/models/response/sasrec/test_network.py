import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from models.interactions import NO_ITEM, Histories, Interactions, last
from models.metrics.classification import auc
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import train_sasrec, windows_of
from tests.support.worlds import random_interactions

N_ITEMS = 12
CATEGORIES = csr_array(np.eye(3, dtype=np.float32)[np.arange(N_ITEMS) % 3])
TINY = SASRecSettings(width=8, heads=2, blocks=2, max_history=6, statistics_history=6, dropout=0.0)


def _model(seed: int = 0, settings: SASRecSettings = TINY) -> SASRec:
    torch.manual_seed(seed)
    model = SASRec(CATEGORIES, settings).eval()
    for parameter in model.parameters():  # weights far from their start, so that every path shows in the output
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.5)
    with torch.no_grad():
        model.item.weight[0] = 0
    model.statistics.fit(random_interactions(seed, n_items=N_ITEMS))
    return model


def _histories(*rows: list[tuple[int, bool]], width: int = 6) -> Histories:
    items, likes = np.full((len(rows), width), NO_ITEM), np.zeros((len(rows), width), dtype=bool)
    for r, row in enumerate(rows):
        for c, (item, like) in enumerate(row):
            items[r, c], likes[r, c] = item, like
    return Histories(items, likes)


SHORT, LONG = [(3, True), (0, False)], [(1, True), (2, True), (5, False), (7, True), (8, False)]


def test_padding_does_not_change_an_answer() -> None:
    model = _model()
    alone = model.probabilities(np.array([4]), _histories(SHORT, width=2))
    beside_a_longer_one = model.probabilities(np.array([4, 4]), _histories(SHORT, LONG))
    assert beside_a_longer_one[0] == pytest.approx(alone[0], abs=1e-6)


def test_a_later_interaction_does_not_change_earlier_states() -> None:
    model = _model()
    tokens, likes = torch.tensor([[1, 2, 3, 4], [1, 2, 9, 11]]), torch.tensor([[1, 0, 1, 1], [1, 0, 0, 0]]) > 0
    h = model(tokens, likes, torch.tensor([[0.5, -1, 2, 0], [0.5, -1, 1, 3]]))
    assert torch.allclose(h[0, :3], h[1, :3], atol=1e-6)
    assert not torch.allclose(h[0, 3], h[1, 3], atol=1e-2)


def test_item_0_is_an_item_and_not_padding() -> None:
    model = _model()
    states = model.states(_histories([(0, True)], []))
    assert np.abs(states[0] - states[1]).max() > 1e-2
    assert np.abs(model.item_vectors()[0]).max() > 1e-2


def test_the_reaction_counts_and_not_only_the_item() -> None:
    model = _model()
    liked, disliked = model.probabilities(np.array([4, 4]), _histories([(3, True)], [(3, False)]))
    assert abs(liked - disliked) > 1e-3


def test_only_the_last_interactions_count() -> None:
    model = _model()
    nine = [(item, item % 2 == 0) for item in range(9)]
    answers = model.probabilities(np.array([10, 10]), _histories(nine, nine[3:], width=9))
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)


def test_last_keeps_the_newest_and_pads_on_the_right() -> None:
    cut = last(_histories([(1, True), (2, False), (3, True)], [(4, True)]), 2)
    assert cut.items.tolist() == [[2, 3], [4, NO_ITEM]]
    assert cut.likes.tolist() == [[False, True], [True, False]]


def test_the_catalogues_probabilities_are_those_of_its_items() -> None:
    model = _model()
    histories = _histories(SHORT, LONG, [])
    whole = model.catalogue_probabilities(histories)
    for item in range(N_ITEMS):
        assert whole[:, item] == pytest.approx(model.probabilities(np.full(3, item), histories), abs=1e-6)


def test_every_interaction_is_taught_once_with_context() -> None:
    counts = [1, 4, 5, 6, 23]
    users = np.repeat(np.arange(5), counts)
    n = len(users)
    train = Interactions(users, np.arange(n) % N_ITEMS, np.arange(n) % 2 == 0, np.ones(n, np.float32), 5, N_ITEMS)
    numbers = np.arange(n, dtype=np.float32)
    windows = windows_of(train, numbers, numbers, length=5)
    taught = windows.statistics[windows.targets]  # the statistics number the interactions here
    assert np.sort(taught).tolist() == list(range(n))
    starts_later = ~np.isin(windows.statistics[:, 0], train.offsets)
    assert starts_later.sum() > 5
    assert not windows.targets[starts_later, :3].any()


def test_it_learns_a_rule_that_no_bias_knows() -> None:
    """Users like items of their own parity: told by the history only, every item and user being liked half the time."""
    rng = np.random.default_rng(0)
    n_users, per_user, n_items = 200, 12, 20
    items = np.concatenate([rng.permutation(n_items)[:per_user] for _ in range(n_users)])
    users = np.repeat(np.arange(n_users), per_user)
    likes = items % 2 == users % 2
    held_out = np.tile(np.arange(per_user) >= per_user - 2, n_users)
    splits = [
        Interactions(users[m], items[m], likes[m], likes[m].astype(np.float32), n_users, n_items)
        for m in (~held_out, held_out)
    ]
    train, test = splits
    settings = SASRecSettings(
        width=16,
        heads=2,
        blocks=1,
        max_history=12,
        dropout=0.0,
        weight_decay=0.0,
        learning_rate=0.01,
        max_epochs=15,
        patience=15,
        batch_size=32,
    )
    model, epochs = train_sasrec(train, test, csr_array((n_items, 0), dtype=np.float32), settings)
    predicted = model.probabilities(test.items, train.histories(test.users, 12))
    assert auc(test.likes, predicted) > 0.95
    assert max(epoch.validation_auc for epoch in epochs) == pytest.approx(auc(test.likes, predicted))


def test_equal_seeds_give_equal_models() -> None:
    rng = np.random.default_rng(0)
    n = 60
    train = Interactions(
        np.repeat(np.arange(6), 10),
        rng.integers(N_ITEMS, size=n),
        rng.random(n) < 0.6,
        np.ones(n, np.float32),
        6,
        N_ITEMS,
    )
    settings = TINY.model_copy(update={"max_epochs": 2, "dropout": 0.3})
    models = [
        train_sasrec(train, train, CATEGORIES, settings.model_copy(update={"seed": seed}))[0] for seed in (1, 1, 2)
    ]
    vectors = [model.item_vectors() for model in models]
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])


def test_the_published_network_knows_items_only() -> None:
    model = _model(settings=TINY.as_published())
    liked, disliked = model.probabilities(np.array([4, 4]), _histories([(3, True)], [(3, False)]))
    assert liked == disliked
    assert model.catalogue_probabilities(_histories(SHORT))[0, 4] == pytest.approx(
        model.probabilities(np.array([4]), _histories(SHORT))[0], abs=1e-6
    )


def test_the_rating_counts_and_not_only_its_sign() -> None:
    model = _model()
    items, likes = np.array([[3], [3]]), np.array([[True], [True]])
    states = model.states(Histories(items, likes, np.array([[3], [5]], dtype=np.float32)))
    assert np.abs(states[0] - states[1]).max() > 1e-2


def test_an_item_never_rated_is_known_by_its_categories() -> None:
    """Of two items that nobody rated, users of the first kind like the one of their category."""
    rng = np.random.default_rng(0)
    n_users, n_items = 150, 22
    items = np.concatenate([rng.permutation(20)[:10] for _ in range(n_users)])
    users = np.repeat(np.arange(n_users), 10)
    likes = items % 2 == users % 2
    train = Interactions(users, items, likes, np.where(likes, 5, 1).astype(np.float32), n_users, n_items)
    categories = csr_array(np.eye(2, dtype=np.float32)[np.arange(n_items) % 2])
    settings = TINY.model_copy(update={"max_epochs": 2, "max_history": 10})
    model, _ = train_sasrec(train, train, categories, settings)
    even, odd = model.probabilities(np.array([20, 21]), train.histories(np.array([0, 0]), 10))
    assert even > 0.7
    assert odd < 0.3


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="multiple"):
        SASRec(CATEGORIES, SASRecSettings(width=10, heads=4))


@pytest.mark.parametrize("blocks", [0, 1, 2])
@pytest.mark.parametrize("published", [False, True])
def test_the_state_of_a_history_is_what_the_whole_network_says_at_its_end(blocks: int, published: bool) -> None:
    model = _model(settings=TINY.model_copy(update={"blocks": blocks, "published": published}))
    histories = _histories(SHORT, LONG, [])
    with torch.inference_mode():
        surprises = torch.from_numpy(model.statistics.surprises(histories))
        h = model(torch.from_numpy(histories.items + 1), torch.from_numpy(histories.likes), surprises)
    expected = h.numpy()[np.arange(3), [len(SHORT), len(LONG), 0]]
    np.testing.assert_allclose(model.states(histories), expected, atol=1e-5)


@pytest.mark.parametrize(("width", "heads"), [(1, 1), (32, 2), (40, 4), (64, 1), (72, 3)])
@pytest.mark.parametrize("length", [30, 31, 32, 33, 70])
def test_states_are_those_of_the_whole_network_at_any_width_and_length(width: int, heads: int, length: int) -> None:
    sizes = {"blocks": 1, "width": width, "heads": heads, "max_history": length}
    model = _model(settings=TINY.model_copy(update=sizes))
    rng = np.random.default_rng(length)
    lengths = [length, length - 1, 3, length, 0, 1, length, 2, length, 7]
    rows = [[(int(rng.integers(N_ITEMS)), bool(rng.integers(2))) for _ in range(n)] for n in lengths]
    histories = _histories(*rows, width=length)
    with torch.inference_mode():
        surprises = torch.from_numpy(model.statistics.surprises(histories))
        h = model(torch.from_numpy(histories.items + 1), torch.from_numpy(histories.likes), surprises)
    np.testing.assert_allclose(model.states(histories), h.numpy()[np.arange(len(rows)), lengths], atol=1e-4)


def test_a_state_is_the_same_to_the_last_bit_whatever_is_asked_beside_it() -> None:
    model = _model(settings=TINY.model_copy(update={"blocks": 1}))
    histories = _histories(SHORT, LONG, [], LONG[::-1], SHORT[:1])
    together = model.states(histories)
    for rows in (np.array([0]), np.array([4, 1]), np.array([3, 2, 4]), np.arange(5)[::-1]):
        np.testing.assert_array_equal(model.states(histories[rows]), together[rows])


def test_item_vectors_follow_the_weights() -> None:
    model = _model()
    before = model.item_vectors().copy()
    model.train()
    with torch.no_grad():
        model.item.weight[1:] += 1
    model.eval()
    np.testing.assert_allclose(model.item_vectors(), before + 1, atol=1e-5)


def test_known_states_change_no_answer() -> None:
    model, histories, candidates = _model(), _histories(SHORT, LONG, []), np.array([2, 4, 6])
    statistics = model.statistics.logits(candidates, histories)
    states = model.states(histories)
    expected = model.pair_logits(candidates, histories, statistics)
    np.testing.assert_allclose(model.pair_logits(candidates, histories, statistics, states), expected, atol=1e-6)
