"""A small run folder as it stands before reinforcement learning: random tables, SASRec and ensemble fitted to them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.agents.settings import AgentSettings
from models.response.sasrec.settings import SASRecSettings
from models.simulation.settings import EnvironmentSettings
from storage.contracts import INTERACTIONS, ITEMS, KEYWORDS, TRUTH, USERS, VOCABULARY, Contract, polars_schema
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import write_table
from storage.vectors import Vectors, write_embeddings
from tasks.policies.settings import ReinforceSettings
from tasks.steps.fit_ensemble import EnsembleSettings, fit_ensemble
from tasks.steps.fit_patience import PatienceSettings, fit_patience
from tasks.steps.reinforce import reinforce
from tasks.steps.train_sasrec import train_sasrec

N_USERS, N_ITEMS, N_KEYWORDS, PER_USER, WIDTH = 12, 14, 6, 6, 4


def write_trained_run(root: Path, seed: int = 0, *, n_users: int = N_USERS, n_items: int = N_ITEMS) -> RunFolder:
    """Publish all that the step `reinforce` reads; users are u0, u1, ..., items are i0, i1, ...

    Each such run is trained once and copied from then on.
    """
    shutil.copytree(_trained(seed, n_users, n_items).name, root, dirs_exist_ok=True)
    return RunFolder(root)


@cache
def _trained(seed: int, n_users: int, n_items: int) -> TemporaryDirectory[str]:
    """A trained run, in a folder that goes when Python ends."""
    directory = TemporaryDirectory(prefix="trained-run-")
    folder, rng = RunFolder(Path(directory.name)), np.random.default_rng(seed)
    vocabulary = [f"keyword {k}" for k in range(N_KEYWORDS)]
    _write(folder, "users.parquet", [(u, f"u{u}") for u in range(n_users)], USERS)
    _write(folder, "items.parquet", [(i, f"i{i}", f"item {i}", [f"c{i % 3}"], "", "") for i in range(n_items)], ITEMS)
    keywords = [
        (item, side, vocabulary[k], "objective", 1, True, "exact", "")
        for item in range(n_items)
        for side in ("pro", "con")
        for k in sorted(rng.permutation(N_KEYWORDS)[:2])
    ]
    _write(folder, "keywords.parquet", keywords, KEYWORDS)
    _write(folder, "vocabulary.parquet", [(keyword, [keyword], 4) for keyword in vocabulary], VOCABULARY)
    vectors = rng.normal(size=(N_KEYWORDS + 2 * n_items, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    of_keywords, of_pros, of_cons = np.split(vectors, [N_KEYWORDS, N_KEYWORDS + n_items])
    sides = {"pro": Vectors(np.arange(n_items), of_pros), "con": Vectors(np.arange(n_items), of_cons)}
    write_embeddings(folder.path("embeddings"), vocabulary, of_keywords, sides)  # type: ignore[arg-type]
    interactions = []
    for user in range(n_users):
        for order, item in enumerate(rng.permutation(n_items)[:PER_USER].tolist()):
            rating = float(rng.integers(1, 6))
            split = {PER_USER - 1: "test", PER_USER - 2: "validation"}.get(order, "train")
            interactions.append((user, item, rating, rating >= 3, None, order, split, None))
    _write(folder, "interactions.parquet", interactions, INTERACTIONS)
    train_sasrec.function(folder, SASRecSettings(width=8, heads=2, blocks=1, max_history=10, max_epochs=1))
    fit_ensemble.function(folder, EnsembleSettings(max_history=10, neutral_pairs=20))
    fit_patience.function(folder, PatienceSettings())
    return directory


def write_truth(folder: RunFolder, n_users: int, n_items: int) -> NDArray[np.float32]:
    """Make the run one of a generated world: publish a random true P(like) of every pair, (n_users, n_items)."""
    truth = np.random.default_rng(0).random((n_users, n_items), dtype=np.float32)
    rows = [(u, i, float(truth[u, i])) for u in range(n_users) for i in range(n_items)]
    _write(folder, "truth.parquet", rows, TRUTH)
    return truth


def write_finished_run(root: Path) -> RunFolder:
    """A run with a dqn policy: 16 users, u12 among them, and 40 items, i34 among them."""
    settings = ReinforceSettings(
        agents=AgentSettings(
            algorithms=("dqn",), on_vote=(), baselines=("random",), seeds=(2,), steps=64, n_envs=4, hidden=8, threads=1,
            processes=1, evaluation_episodes=4, taste_rank=2,
        ),
        environment=EnvironmentSettings(end_probability=0.2),
    )  # fmt: skip
    folder = write_trained_run(root, n_users=16, n_items=40)
    reinforce.function(folder, settings)
    publish_json(folder.path("manifest.json"), {"settings": {"reinforce": settings.model_dump(mode="json")}})
    return folder


def _write(folder: RunFolder, name: str, rows: Sequence[tuple[object, ...]], contract: Contract) -> None:
    write_table(folder.path(name), pl.DataFrame(rows, schema=polars_schema(contract), orient="row"), contract)
