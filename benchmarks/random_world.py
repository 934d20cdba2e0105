"""A world of untrained models over random keywords: what they answer does not matter, how much they compute does."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array

from models.estimators.baselines import Bias
from models.estimators.ease import EASE, EASESettings, most_frequent
from models.estimators.kind_mixtures import KindSettings
from models.estimators.logistic import LogisticModel
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.interactions import Interactions
from models.keywords.embeddings import item_vectors
from models.knowledge import ItemKnowledge
from models.response.features import FEATURE_NAMES, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.similarity import Similarity
from models.simulation.simulator import UserSimulator

HISTORY, VOCABULARY, WIDTH, CATEGORIES, WORDS = 50, 2000, 384, 20, 8
_ACTIVE = 2000


def active_users(n_users: int) -> NDArray[np.int64]:
    """Users with `HISTORY` reactions, 2,000 all over the table; where there are more, the others have one each."""
    return np.linspace(0, n_users, min(_ACTIVE, n_users), endpoint=False, dtype=np.int64)


def random_world(n_items: int, n_users: int, seed: int) -> UserSimulator:
    """A simulator of `n_users` users, of whom the `active_users` have `HISTORY` reactions and the others one."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    sets = [csr_array(random_array((n_items, VOCABULARY), density=0.003, rng=rng, dtype=np.float32)) for _ in range(2)]
    vectors = rng.normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    categories = np.zeros((n_items, CATEGORIES), dtype=np.float32)
    categories[np.arange(n_items), rng.integers(CATEGORIES, size=n_items)] = 1
    knowledge = ItemKnowledge(
        keywords=tuple(f"k{k}" for k in range(VOCABULARY)),
        keyword_vectors=vectors,
        pro=sets[0],
        con=sets[1],
        pro_vectors=item_vectors(sets[0], vectors),
        con_vectors=item_vectors(sets[1], vectors),
        categories=csr_array(categories),
        category_names=tuple(f"c{k}" for k in range(CATEGORIES)),
        item_names=tuple(f"i{i}" for i in range(n_items)),
    )
    reactions = np.ones(n_users, dtype=np.int64)
    reactions[active_users(n_users)] = HISTORY
    users = np.repeat(np.arange(n_users), reactions)
    ratings = rng.integers(1, 6, size=len(users)).astype(np.float32)
    items = rng.integers(n_items, size=len(users))
    train = Interactions(users, items, ratings >= 3, ratings, n_users, n_items)
    sasrec = SASRec(knowledge.categories, SASRecSettings()).eval()
    few = slice(0, HISTORY * _ACTIVE)  # what is learned of them is as dear to use as what is learned of all
    last_user = int(users[few][-1])
    of_few = Interactions(users[few], items[few], train.likes[few], ratings[few], last_user + 1, n_items)
    sasrec.statistics.fit(of_few)
    bias = Bias().fit(of_few)
    bias.user_effects = np.resize(bias.user_effects, n_users)
    factors = RatingFactors(n_items, FactorSettings(rounds=1))
    factors.items = rng.normal(size=factors.items.shape).astype(np.float32)
    logical = KeywordMatching(knowledge), Similarity(knowledge, (0.5, 0.5))
    words = np.repeat(np.arange(n_items), WORDS), rng.integers(2 * n_items, size=WORDS * n_items)
    of_words = csr_array((np.ones(len(words[0]), dtype=np.float32), words), shape=(n_items, 2 * n_items))
    known = EASESettings()
    ease = EASE(most_frequent(items, n_items, known.n_items), n_items, known.penalty)
    ease.weights = rng.normal(scale=0.01, size=ease.weights.shape).astype(np.float32)
    recency = CategoryRecency(RecentCategories(logical[0].categories), -0.5)
    kinds = UserKinds.fit(of_few, sasrec.statistics.training_surprises(of_few), knowledge, 4, KindSettings(rounds=1))
    models = ResponseModels(*logical, sasrec, bias, factors, WordTaste(of_words), ease, recency, kinds)
    n = len(FEATURE_NAMES)
    stack = LogisticModel(FEATURE_NAMES, (0.0,) * n, (1.0,) * n, (0.1,) * n, 0.0)
    return UserSimulator(knowledge, train, models, stack, max_history=HISTORY)
