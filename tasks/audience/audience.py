"""An audience: the simulator of a finished run under the dataset's own ids, with explanations.

users = load("data/sample")
users.respond(["u12", "u7"], ["i34", "i9"], seed=0)
print(users.explain("u12", "i34"))
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import Pairs, remembered
from models.explanation.explainer import explain
from models.explanation.explanation import Explanation
from models.explanation.votes import ItemIndexes
from models.interactions import Histories
from models.knowledge import ItemKnowledge
from models.simulation.settings import EnvironmentSettings, catalogue
from models.simulation.simulator import Responses, UserSimulator, coins
from storage.columns import Columns
from storage.contracts import ITEMS, USERS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.audience.arguments import (
    LARGEST_SEED,
    ArgumentError,
    Ids,
    argument_errors,
    folder_path,
    instance,
    whole_number,
)
from tasks.audience.histories import History, read, told
from tasks.audience.knowledge import checked_knowledge
from tasks.loading import load_item_indexes, load_keyword_record, load_simulator, simulator_of
from tasks.policies.settings import ReinforceSettings, run_settings


class Audience:
    """The simulated users of a run.

    Users and items are named by the dataset's own ids, as text, or by their row numbers, from 0. Whatever is wrong with
    an argument raises TypeError, ValueError or IndexError with a message that names it.

    Parameters
    ----------
    folder
        A run whose ensemble has been fitted.
    simulator
        That of the run.

    Attributes
    ----------
    users, items
        The own ids and their row numbers.
    """

    def __init__(self, folder: RunFolder, simulator: UserSimulator) -> None:
        self.folder, self.simulator = folder, simulator
        self.users = Ids("user", read_table(folder.path("users.parquet"), USERS)[Columns.SOURCE].to_list())
        self.items = Ids("item", read_table(folder.path("items.parquet"), ITEMS)[Columns.SOURCE].to_list())
        self._with_knowledge: tuple[ItemKnowledge, UserSimulator] | None = None

    def __repr__(self) -> str:
        return f"Audience({str(self.folder.root)!r}: {len(self.users)} users, {len(self.items)} items)"

    @property
    def user_ids(self) -> tuple[str, ...]:
        """The users' own ids, by row number."""
        return self.users.own

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The items' own ids, by row number."""
        return self.items.own

    @property
    def knowledge(self) -> ItemKnowledge:
        """What the language model said about every item; copies with changes may be given to `respond`."""
        return self.simulator.knowledge

    @property
    def settings(self) -> EnvironmentSettings:
        """Rules of the sessions that the run's policies were trained in."""
        return self.run_settings.environment

    @cached_property
    def run_settings(self) -> ReinforceSettings:
        """Settings of reinforcement learning that the run was made with."""
        return run_settings(self.folder)

    def catalogue(self, settings: EnvironmentSettings | None = None) -> list[str]:
        """Own ids of the items that may be recommended, in the order of an environment's actions."""
        rules = self.settings_or_own(settings)
        return self.items.array[catalogue(self.simulator, rules.catalogue_size)].tolist()

    def settings_or_own(self, settings: EnvironmentSettings | None) -> EnvironmentSettings:
        """Settings that were passed in; those of the run where none were."""
        if settings is None:
            return self.settings
        return instance("settings", settings, EnvironmentSettings, "recaudience.EnvironmentSettings")

    def history(self, user: str | int) -> History:
        """What a user reacted to in training: own ids, likes and ratings, oldest first."""
        row = self.users.row("user", user)
        interactions = self.simulator.interactions
        return told(interactions.histories(np.array([row]), len(interactions)), self.items)[0]

    def respond(
        self,
        users: object,
        items: object,
        *,
        seed: int = 0,
        histories: object = None,
        knowledge: ItemKnowledge | None = None,
    ) -> Responses:
        """How users react to items, many pairs at once.

        Parameters
        ----------
        users, items
            b own ids or row numbers each: who is shown what.
        seed
            Of the reactions drawn, and of the coins that decide ties of a vote.
        histories
            b histories (items, likes, ratings) to judge by instead of the users' own; see
            `tasks.audience.histories.read`. Own ones leave out the item itself: a reaction is not known beforehand.
        knowledge
            What the items are like, instead of what the run knows; of the same items.

        Returns
        -------
        Arrays of b rows: the reactions, the calibrated P(like) that they are drawn from, votes, and the evidence.

        Raises
        ------
        TypeError, ValueError
            Where an argument cannot be used.
        """
        pairs = self._pairs(users, items, histories)
        tossed = coins(np.random.default_rng(whole_number("seed", seed, 0, LARGEST_SEED)), len(pairs))
        simulator = self.simulator if knowledge is None else self._knowing(knowledge)
        return simulator.respond(pairs.users, pairs.items, pairs.histories, tossed)

    def explain(self, user: str | int, item: str | int, *, seed: int = 0) -> Explanation:
        """How a user reacts to an item, given what the user reacted to in training, and why.

        Parameters
        ----------
        user, item
            Own ids or row numbers.
        seed
            Of the reaction drawn, and of the coins that decide ties.

        Returns
        -------
        Votes, probability and reasons; printed, it is two sentences.

        Raises
        ------
        TypeError, ValueError
            Where an argument cannot be used.
        """
        user_row, item_row = self.users.row("user", user), self.items.row("item", item)
        rng = np.random.default_rng(whole_number("seed", seed, 0, LARGEST_SEED))
        interactions = self.simulator.interactions
        history = interactions.histories(np.array([user_row]), len(interactions))
        with argument_errors("run"):
            record = load_keyword_record(self.folder, self.knowledge, np.array([item_row]), self._item_indexes)
        explanation = explain(self.simulator, user_row, item_row, history, rng, record=record)
        return replace(explanation, user_name=f"User {self.users.own[user_row]}")

    @cached_property
    def _item_indexes(self) -> ItemIndexes:
        return load_item_indexes(self.folder, self.knowledge)

    def _pairs(self, users: object, items: object, histories: object) -> Pairs:
        user_rows, item_rows = self.users.rows("users", users), self.items.rows("items", items)
        if len(user_rows) != len(item_rows):
            raise ArgumentError(
                f"users and items: found {len(user_rows)} users and {len(item_rows)} items, expected as many of each: "
                "the first user is shown the first item"
            )
        if histories is None:
            return own_pairs(self.simulator, user_rows, item_rows)
        return Pairs(user_rows, item_rows, read("histories", histories, self.items, len(user_rows)))

    def _knowing(self, knowledge: object) -> UserSimulator:
        """The simulator with other item knowledge; the last one is kept."""
        given = checked_knowledge("knowledge", knowledge, self.knowledge)
        if self._with_knowledge is None or self._with_knowledge[0] is not given:
            with argument_errors("run"):
                simulator = simulator_of(self.folder, given, self.simulator.interactions)
            self._with_knowledge = (given, simulator)
        return self._with_knowledge[1]


def load(run: str | os.PathLike[str]) -> Audience:
    """The audience of a run folder.

    Parameters
    ----------
    run
        `data/<dataset>`, or `data/<dataset>@<split>`, as text or path.

    Raises
    ------
    TypeError, ValueError
        Where there is no such folder, or a part is missing or damaged.
    """
    folder = RunFolder(folder_path("run", run))
    with argument_errors("run"):
        return Audience(folder, load_simulator(folder))


def own_pairs(simulator: UserSimulator, users: NDArray[np.int64], items: NDArray[np.int64]) -> Pairs:
    """Pairs (b,) with the users' own histories, without the item itself and no longer than the simulator looks back."""
    histories: Histories = simulator.interactions.histories(users, simulator.max_history + 1)
    pairs = Pairs(users, items, histories)
    return remembered(simulator, pairs.without(np.arange(len(users)), histories.items == items[:, None]))
