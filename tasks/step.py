"""A pipeline step as a Prefect task: declared inputs and outputs, cached by content, retried, checked.

A step names the run-folder artefacts that it reads and writes. Its cache key is made of the step's name and declared
version, its settings and the content hashes of what it reads (never of frames or paths alone). A cached result counts
only while every output still exists with the hash it had; otherwise the step runs again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar, cast

from prefect import Task
from prefect.cache_policies import INPUTS
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from pydantic import BaseModel, ConfigDict, JsonValue

from storage.files import content_hash
from storage.run_folder import RunFolder

Summary = dict[str, JsonValue]
Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
SettingsT = TypeVar("SettingsT", bound=BaseModel)


_AGAIN: ContextVar[Collection[str]] = ContextVar("again", default=())


class FileReference(BaseModel):
    """An artefact by name and SHA-256 content hash: what travels between tasks instead of data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str


class StepRequest(BaseModel):
    """All that a step's result depends on; hashing it gives the cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    version: str
    root: str
    inputs: tuple[FileReference, ...]
    sources: tuple[FileReference, ...] = ()
    settings: dict[str, JsonValue]


class StepResult(BaseModel):
    """What a step published: references to its outputs, a summary for report and manifest, and its duration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outputs: tuple[FileReference, ...]
    summary: Summary
    seconds: float
    cached: bool = False

    def intact(self, folder: RunFolder) -> bool:
        """Whether every output still exists with the hash that it was published with."""
        return all(
            folder.path(output.name).exists() and content_hash(folder.path(output.name)) == output.sha256
            for output in self.outputs
        )


def step_logger() -> Logger:
    """The run's logger inside a Prefect run, the package's outside."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("recaudience")


def reference(folder: RunFolder, name: str) -> FileReference:
    """Content-hashed reference to an existing artefact."""
    return FileReference(name=name, sha256=content_hash(folder.path(name)))


def _is_transient(task: object, run: object, state: object) -> bool:
    """Retry what may pass, such as a connection or a busy disk; never what somebody must mend."""
    return isinstance(getattr(state, "data", None), OSError)


@dataclass(frozen=True)
class Step(Generic[SettingsT]):
    """A step of the pipeline; made by the decorator `step`."""

    name: str
    version: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    function: Callable[[RunFolder, SettingsT], Summary]

    def given(self, **resources: object) -> Step[SettingsT]:
        """The step with keyword arguments of its function that change no result, such as a running server.

        They are no part of the cache key.
        """
        return replace(self, function=partial(cast("Callable[..., Summary]", self.function), **resources))

    def run(self, folder: RunFolder, settings: SettingsT, sources: tuple[FileReference, ...] = ()) -> StepResult:
        """Run the step inside a Prefect flow, or take its cached result where that is still intact.

        Parameters
        ----------
        folder
            The run folder; the artefacts in `reads` must exist in it.
        settings
            The step's settings; part of the cache key.
        sources
            Content hashes of files outside the run folder that the step reads.
        """
        request = StepRequest(
            step=self.name,
            version=self.version,
            root=str(folder.root),
            inputs=tuple(reference(folder, name) for name in self.reads),
            sources=sources,
            settings=settings.model_dump(mode="json"),
        )

        def execute(request: StepRequest) -> StepResult:
            started = time.monotonic()
            summary = self.function(RunFolder(folder.root), settings)
            outputs = tuple(reference(folder, name) for name in self.writes)
            return StepResult(outputs=outputs, summary=summary, seconds=time.monotonic() - started)

        task = Task(
            execute,
            name=self.name,
            task_run_name=f"{self.name} {folder.root.name}",
            version=self.version,
            tags=[folder.root.name],
            cache_policy=INPUTS,
            refresh_cache=self.name in _AGAIN.get(),
            persist_result=True,
            result_serializer="json",
            retries=2,
            retry_delay_seconds=[2, 10],
            retry_condition_fn=_is_transient,
        )
        state = task(request, return_state=True)
        result = state.result()
        if state.name == "Cached":
            if result.intact(folder):
                step_logger().info("%s: as in the last run", self.name)
                return result.model_copy(update={"cached": True})
            result = task.with_options(refresh_cache=True)(request)
        step_logger().info("%s: done in %.0f s", self.name, result.seconds)
        return result


@contextmanager
def running_again(steps: Collection[str]) -> Iterator[None]:
    """Let steps run although their last result is still valid, until the block ends."""
    token = _AGAIN.set(steps)
    try:
        yield
    finally:
        _AGAIN.reset(token)


def dependents(name: str, steps: Sequence[Step[Any]]) -> list[str]:
    """Name of a step and of all that read what it writes, or what these write, in the order of `steps`."""
    reached, written = [name], {path for one in steps if one.name == name for path in one.writes}
    for one in steps:
        if one.name not in reached and written.intersection(one.reads):
            reached.append(one.name)
            written.update(one.writes)
    return reached


def step(
    *, version: str, reads: tuple[str, ...], writes: tuple[str, ...]
) -> Callable[[Callable[[RunFolder, SettingsT], Summary]], Step[SettingsT]]:
    """Declare a function `(folder, settings) -> summary` as a step of the pipeline.

    Parameters
    ----------
    version
        Raise it whenever the step's code changes what it writes; results of other versions are not reused.
    reads, writes
        Names of run-folder artefacts (files or folders) that the function reads and publishes.
    """

    def declare(function: Callable[[RunFolder, SettingsT], Summary]) -> Step[SettingsT]:
        return Step(function.__name__.replace("_", "-"), version, reads, writes, function)

    return declare
