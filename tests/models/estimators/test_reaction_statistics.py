import numpy as np
import pytest
from scipy.sparse import csr_array

from models.estimators.reaction_statistics import MAX_CATEGORIES, ReactionStatistics
from models.estimators.statistics_kernels import STATISTICS
from models.interactions import NO_ITEM, Histories, Interactions
from tests.support.worlds import MAX_HISTORY, N_ITEMS, N_USERS, random_interactions, random_knowledge

CATEGORIES = random_knowledge(0).categories


def _fitted(seed: int = 0, max_history: int = MAX_HISTORY) -> tuple[ReactionStatistics, Interactions]:
    train = random_interactions(seed)
    return ReactionStatistics(CATEGORIES, max_history).fit(train), train


def _column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, STATISTICS.index(name)]


def test_a_user_who_rates_high_is_expected_to_like() -> None:
    statistics, _ = _fitted()
    items = np.tile(np.arange(6), (2, 1))
    ratings = np.stack([np.full(6, 5.0), np.full(6, 1.0)]).astype(np.float32)
    features = statistics.features(np.array([7, 7]), Histories(items, ratings >= 3, ratings))
    assert np.diff(_column(features, "user_rating_effect"))[0] < -1
    high, low = statistics.logits(np.array([7, 7]), Histories(items, ratings >= 3, ratings))
    assert high > low


def test_the_rating_counts_and_not_only_its_sign() -> None:
    statistics, _ = _fitted()
    items, likes = np.tile(np.arange(4), (2, 1)), np.ones((2, 4), dtype=bool)
    ratings = np.array([[3, 3, 3, 3], [5, 5, 5, 5]], dtype=np.float32)
    barely, greatly = _column(
        statistics.features(np.array([7, 7]), Histories(items, likes, ratings)), "user_rating_effect"
    )
    assert greatly > barely + 0.5


def test_a_reaction_without_rating_counts_as_the_typical_one() -> None:
    statistics, train = _fitted()
    liked, disliked = train.ratings[train.likes].mean(), train.ratings[~train.likes].mean()
    items, likes = np.array([[1, 2]]), np.array([[True, False]])
    told = statistics.logits(np.array([3]), Histories(items, likes, np.array([[liked, disliked]], dtype=np.float32)))
    assert statistics.logits(np.array([3]), Histories(items, likes)) == pytest.approx(told, abs=1e-5)


def test_tastes_differ_by_category() -> None:
    categories = csr_array(np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2])
    statistics = ReactionStatistics(categories, 100).fit(random_interactions(0))
    items = np.arange(8)[None]
    ratings = np.where(items % 2 == 0, 5, 1).astype(np.float32)
    history = Histories(items, ratings >= 3, ratings)[np.zeros(2, dtype=np.int64)]
    even, odd = _column(statistics.features(np.array([8, 9]), history), "category_rating_effect")
    assert even > 0.3
    assert odd < -0.3


def test_padding_and_forgotten_reactions_do_not_count() -> None:
    statistics, _ = _fitted(max_history=3)
    long = Histories(np.array([[0, 1, 2, 3, 4]]), np.array([[True, False, True, False, True]]))
    short = Histories(np.array([[2, 3, 4, NO_ITEM]]), np.array([[True, False, True, False]]))
    candidate = np.array([6])
    assert statistics.features(candidate, long) == pytest.approx(statistics.features(candidate, short), abs=1e-6)


def test_a_training_reaction_is_described_without_itself_and_its_future() -> None:
    statistics, train = _fitted()
    before = statistics.training_features(train)
    row = int(train.offsets[3]) + 1
    ratings, likes = train.ratings.copy(), train.likes.copy()
    ratings[row] += 2
    later = ratings.copy()
    ends = int(train.offsets[4])
    later[row:ends] += 2
    for changed in (ratings, later):
        flipped = Interactions(train.users, train.items, likes, changed, N_USERS, N_ITEMS)
        after = statistics.training_features(flipped)
        own = ["user_rating_effect", "user_rating_variance", "user_count", "category_rating_effect", "category_count"]
        for name in own:
            assert _column(after, name)[row] == pytest.approx(_column(before, name)[row], abs=1e-5)
    flipped = Interactions(train.users, train.items, likes, ratings, N_USERS, N_ITEMS)
    item_effects = (_column(f, "item_rating_effect") for f in (before, statistics.training_features(flipped)))
    differences = np.abs(np.subtract(*item_effects))
    assert differences[row] < 0.5 * differences[train.items == train.items[row]].max()


@pytest.mark.parametrize("max_history", [2, MAX_HISTORY])
def test_training_features_are_those_of_the_history_before_each_reaction(max_history: int) -> None:
    """All but the item's own statistics: in training these leave the reaction itself out."""
    statistics, train = _fitted(max_history=max_history)
    histories = train.histories(train.users, len(train))
    past = np.arange(len(train)) - train.offsets[train.users]  # reactions of the same user
    before = np.arange(histories.items.shape[1]) < past[:, None]
    earlier = Histories(
        np.where(before, histories.items, NO_ITEM),
        histories.likes & before,
        np.where(before, histories.ratings, np.nan),
    )
    asked, trained = statistics.features(train.items, earlier), statistics.training_features(train)
    for name in STATISTICS:
        if not name.startswith("item_") and name != "rating_margin":
            assert _column(trained, name) == pytest.approx(_column(asked, name), abs=1e-4), name


def test_the_catalogues_logits_are_those_of_its_items() -> None:
    statistics, train = _fitted()
    histories = train.histories(np.arange(4), MAX_HISTORY)
    whole = statistics.catalogue_logits(histories)
    for item in range(N_ITEMS):
        assert whole[:, item] == pytest.approx(statistics.logits(np.full(4, item), histories), abs=1e-5)


def test_what_was_learned_comes_back_from_its_arrays() -> None:
    statistics, train = _fitted()
    again = ReactionStatistics(CATEGORIES, MAX_HISTORY)
    again.set_arrays(statistics.arrays())
    histories = train.histories(np.arange(4), MAX_HISTORY)
    assert again.logits(np.arange(4), histories) == pytest.approx(statistics.logits(np.arange(4), histories), abs=1e-6)


def test_only_the_most_common_categories_are_used() -> None:
    rng = np.random.default_rng(0)
    many = csr_array((rng.random((N_ITEMS, MAX_CATEGORIES + 9)) < 0.3).astype(np.float32))
    assert ReactionStatistics(many, 10).category_shares.shape == (N_ITEMS, MAX_CATEGORIES)


def test_one_sided_or_no_reactions() -> None:
    train = random_interactions(0)
    only_likes = Interactions(
        train.users, train.items, np.ones_like(train.likes), np.full_like(train.ratings, 5), N_USERS, N_ITEMS
    )
    statistics = ReactionStatistics(CATEGORIES, 10).fit(only_likes)
    assert (statistics.logits(np.array([0]), only_likes.histories(np.array([0]), 10)) > 2).all()
    with pytest.raises(ValueError, match="training interactions"):
        ReactionStatistics(CATEGORIES, 10).fit(
            Interactions(*(array[:0] for array in (train.users, train.items, train.likes, train.ratings)), 5, 5)  # type: ignore[arg-type]
        )
