"""Loops are kept compiled until their own file changes, so they may rest on no other file's loops."""

import importlib
import pkgutil

import pytest
from numba.core.dispatcher import Dispatcher

import models


def _loops() -> list[tuple[str, Dispatcher]]:
    """Every compiled loop of the package with the module that it stands in."""
    modules = [importlib.import_module(found.name) for found in pkgutil.walk_packages(models.__path__, "models.")]
    return [
        (module.__name__, value)
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__
    ]


@pytest.mark.parametrize(("module", "loop"), _loops(), ids=lambda value: getattr(value, "__name__", value))
def test_a_loop_calls_loops_of_its_own_file_only(module: str, loop: Dispatcher) -> None:
    names = set(loop.py_func.__code__.co_names)
    called = {name: value for name, value in loop.py_func.__globals__.items() if name in names}
    for name, value in called.items():
        assert not isinstance(value, Dispatcher) or value.py_func.__module__ == module, name


def test_loops_are_kept_on_disk() -> None:
    assert len(_loops()) > 10
    assert all(loop.targetoptions["nogil"] for _, loop in _loops())
