"""Calls everything public of `recaudience` with values that nobody should pass, one argument at a time.

python -m tests.support.fuzzed_face RUN

It is a program of its own, since what it looks for ends Python: an index out of range in a compiled loop.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from scipy.sparse import csr_array

import recaudience

ALLOWED = (ValueError, TypeError, IndexError, KeyError)
SCALARS: tuple[object, ...] = (
    *(None, True, False, -1, 16, 40, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.0, 1.5, -0.5, 1e300, 1j),
    *(math.nan, math.inf, -math.inf, "", "u99", "u1", "x" * 5000, "\0", "\ud800", b"u1", bytearray(b"u1")),
    *(np.int8(-1), np.uint64(2**63), np.int64(1), np.float32(1), np.bool_(True), np.nan, np.datetime64("NaT")),
    *(object(), object, lambda: 1, ..., NotImplemented, slice(3), Path("nowhere"), range(0), print),
)
ARRAYS: tuple[object, ...] = (
    *([], [[]], (), {}, set(), {"u1": 1}, {"u1"}, [[1]], [[1], [1, 2]], [1, [2]], iter([1]), (one for one in [1])),
    *(np.array(3), np.zeros((0, 3)), np.ones((2, 2), dtype=int), np.array([1.0]), np.array([True]), np.array([-1])),
    *(np.array([2**63], dtype=np.uint64), np.array(["u1"]), np.array([None]), np.array([math.nan]), np.array([16, 40])),
    *(np.array([0], dtype=np.int8), np.array([1], dtype=">i8"), np.array([b"u1"]), np.ma.masked_array([1], [True])),
    *(csr_array((2, 2)), memoryview(b"abc"), "u1u2", ["u1"] * 3, [1] * 3),
)
VALUES = (*SCALARS, *ARRAYS, *([scalar] for scalar in SCALARS), *([1, scalar] for scalar in SCALARS))


class Answering:
    """A policy that answers with a value, for as many users as are asked about or not."""

    def __init__(self, answer: object, *, repeated: bool) -> None:
        self.answer, self.repeated = answer, repeated

    def recommend(self, users: Sequence[str], histories: object, k: int) -> Sequence[object]:
        return [self.answer] * len(users) if self.repeated else self.answer  # type: ignore[return-value]


def calls(run: Path) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """Each public argument, with a call that passes a value as that argument and good ones as the others."""
    users = recaudience.load(run)
    policy, rules = recaudience.load_policy(run, "dqn"), recaudience.EnvironmentSettings(end_probability=0.9)
    item, own = Answering("i3", repeated=True), users.history("u1")
    yield "load run", recaudience.load
    yield "history user", users.history
    yield "catalogue settings", users.catalogue
    yield "explain user", lambda v: users.explain(v, "i1")
    yield "explain item", lambda v: users.explain("u1", v)
    yield "explain seed", lambda v: users.explain("u1", "i1", seed=v)
    yield "respond users", lambda v: users.respond(v, ["i1"])
    yield "respond items", lambda v: users.respond(["u1"], v)
    yield "respond both", lambda v: users.respond(v, v)
    yield "respond seed", lambda v: users.respond([1], [1], seed=v)
    yield "respond histories", lambda v: users.respond([1], [1], histories=v)
    yield "respond history", lambda v: users.respond([1], [1], histories=[v])
    for place, name in enumerate(own._fields):
        parts = list(own)
        yield (
            f"respond history {name}",
            lambda v, p=place, parts=parts: users.respond([1], [1], histories=[[*parts[:p], v, *parts[p + 1 :]]]),
        )
    yield "respond knowledge", lambda v: users.respond([1], [1], knowledge=v)
    for field in dataclasses.fields(users.knowledge):
        yield (
            f"respond knowledge {field.name}",
            lambda v, name=field.name: users.respond(
                [1], [1], knowledge=dataclasses.replace(users.knowledge, **{name: v})
            ),
        )
    yield "make_vec_env users", lambda v: recaudience.make_vec_env(v, 2)
    yield "make_vec_env n_envs", lambda v: recaudience.make_vec_env(users, v)
    yield "make_vec_env seed", lambda v: recaudience.make_vec_env(users, 2, v)
    yield "make_vec_env settings", lambda v: recaudience.make_vec_env(users, 2, 0, v)
    yield "sb3_arguments algorithm", lambda v: recaudience.sb3_arguments(v, recaudience.make_vec_env(users, 2))
    yield "sb3_arguments venv", lambda v: recaudience.sb3_arguments("ppo", v)
    play: dict[str, Any] = {"episodes": 2, "settings": rules}
    yield "evaluate_policy policy", lambda v: recaudience.evaluate_policy(v, users, **play)
    yield "evaluate_policy users", lambda v: recaudience.evaluate_policy(item, v, **play)
    for name in ("episodes", "seed", "settings"):
        yield (
            f"evaluate_policy {name}",
            lambda v, name=name: recaudience.evaluate_policy(item, users, **(play | {name: v})),
        )
    for repeated in (False, True):
        yield "answer", lambda v, r=repeated: recaudience.evaluate_policy(Answering(v, repeated=r), users, **play)
    yield "load_policy run", lambda v: recaudience.load_policy(v, "random")
    yield "load_policy name", lambda v: recaudience.load_policy(run, v)
    yield "load_policy seed", lambda v: recaudience.load_policy(run, "dqn", v)
    yield "recommend users", policy.recommend
    yield "recommend k", lambda v: policy.recommend(["u1"], v)
    yield from environment_calls(users)


def environment_calls(users: recaudience.Audience) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """The arguments of the environments of every action space."""
    name = "recaudience/Recommend-v0"
    for argument in ("run", "simulator"):
        yield f"make {argument}", lambda v, a=argument: gymnasium.make(name, **{a: v})
    yield "make settings", lambda v: gymnasium.make(name, simulator=users, settings=v)
    for actions in ("catalogue", "candidates", "embedding", "slate"):
        rules = recaudience.EnvironmentSettings(actions=actions, candidates=6, slate_size=2)
        one = gymnasium.make(name, simulator=users, settings=rules).unwrapped
        many = gymnasium.make_vec(name, num_envs=2, simulator=users, settings=rules).unwrapped
        trained = recaudience.make_vec_env(users, 2, settings=rules)
        for environment in (one, many):
            environment.reset(seed=0)
            yield f"{actions} reset seed", lambda v, e=environment: e.reset(seed=v)
            yield f"{actions} reset options", lambda v, e=environment: e.reset(options=v)
            yield f"{actions} step", environment.step
        trained.reset()
        yield f"{actions} VecEnv step", trained.step
        yield f"{actions} user", lambda v, e=one: e.reset(options={"user": v})
        yield f"{actions} users", lambda v, e=many: e.reset(options={"users": v})


def main(run: Path) -> None:
    """Say how many calls were made; the first that ends otherwise than it may ends the program."""
    warnings.simplefilter("ignore")
    n = 0
    for (name, call), value in itertools.product(calls(run), VALUES):
        n += 1
        try:
            call(value)
        except ALLOWED:
            continue
        except BaseException as error:
            raise AssertionError(f"{name} with {str(value)[:100]!r} of {type(value)}: {type(error)}") from error
    sys.stdout.write(f"{n} calls\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
