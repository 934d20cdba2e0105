"""The completion cache: every answer of a language model, stored as it arrives, for all datasets and runs.

One SQLite file in write-ahead-log mode: several processes may write, and a process killed at any point loses no answer
that `put` has returned for.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from storage.errors import DataError

_FORMAT = 3
_BUSY_SECONDS = 30.0
_KEYS_A_QUERY = 500
_CREATE = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY,
    response TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    finish_reason TEXT NOT NULL,
    created REAL NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    prompt TEXT NOT NULL DEFAULT '',
    first_token TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID
"""
# Format 1 knew neither the model of an answer nor the prompt that a second form belongs to; they stay unknown there.
# Format 2 had no log-probabilities.
_LATER_COLUMNS = {1: ("model", "prompt", "first_token"), 2: ("first_token",)}


@dataclass(frozen=True)
class Completion:
    """A model's answer to one request.

    Parameters
    ----------
    response
        The answer's text.
    prompt_tokens, output_tokens
        Lengths as the server counted them.
    finish_reason
        `stop`, or `length` where the answer was cut off.
    first_token
        Log-probabilities of the tokens that the answer could have begun with, as a JSON list of pairs [token,
        log-probability]; empty where they were not requested.
    """

    response: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    first_token: str = ""


def completion_key(request: Mapping[str, JsonValue]) -> str:
    """SHA-256 of a request's canonical JSON, as 64 hex digits.

    Parameters
    ----------
    request
        All that an answer depends on: model, revision, sampling settings, messages, schema.
    """
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class CompletionStore:
    """Answers by the key of their request.

    Parameters
    ----------
    path
        The SQLite file; made where missing.

    Raises
    ------
    DataError
        Where the file is not a completion cache, is damaged, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._explained():
                self._open()
        except DataError:
            self._connection.close()
            raise

    def get_many(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Stored answers among `keys`, by key."""
        stored: dict[str, Completion] = {}
        with self._explained():
            for start in range(0, len(keys), _KEYS_A_QUERY):
                part = keys[start : start + _KEYS_A_QUERY]
                rows = self._connection.execute(
                    "SELECT key, response, prompt_tokens, output_tokens, finish_reason, first_token FROM completions "
                    f"WHERE key IN ({','.join('?' * len(part))})",
                    part,
                )
                stored |= {key: Completion(*row) for key, *row in rows}
        return stored

    def put(self, key: str, completion: Completion, *, model: str = "", prompt: str = "") -> None:
        """Store an answer; on return it survives a kill. An answer already there stays: the first one counts.

        Parameters
        ----------
        key, completion
            The request's key and its answer.
        model, prompt
            For upkeep (storage/completion_upkeep.py): who answered, and the key of the prompt's first form.
        """
        with self._explained():
            self._connection.execute(
                "INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    completion.response,
                    completion.prompt_tokens,
                    completion.output_tokens,
                    completion.finish_reason,
                    time.time(),
                    model,
                    prompt,
                    completion.first_token,
                ),
            )

    @contextmanager
    def transaction(self, *, writing: bool = True) -> Iterator[sqlite3.Connection]:
        """Lend the connection for one transaction: all of it or nothing; while `writing`, others wait to."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def compact(self) -> bool:
        """Give the space of deleted answers back to the disk; False where other processes are using the cache."""
        with self._explained():
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise
                return False
        return True

    def __len__(self) -> int:
        with self._explained():
            return int(self._connection.execute("SELECT count(*) FROM completions").fetchone()[0])

    def close(self) -> None:
        """Close the connection; the last one to close folds the log into the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        run = self._connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version not in (0, *_LATER_COLUMNS, _FORMAT):
            raise DataError(
                f"a completion cache of format {version}, expected {_FORMAT}", file=self.path, remedy=_REMEDY
            )
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; only a power cut may lose the last moments
        if version == _FORMAT:
            return
        with self.transaction():
            for column in _LATER_COLUMNS.get(run("PRAGMA user_version").fetchone()[0], ()):  # unless others were faster
                run(f"ALTER TABLE completions ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
            run(_CREATE)
            run(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ones that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            problem, remedy = f"the completion cache cannot be used ({error})", "Check that the file may be written"
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                remedy = "The disk is full: free some space and run again; the answers stored so far are kept"
            elif error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                remedy = "Another process holds it for long: wait for it to end, or stop it, and run again"
            raise DataError(problem, file=self.path, remedy=remedy) from error
        except sqlite3.DatabaseError as error:
            raise DataError(f"the completion cache is damaged ({error})", file=self.path, remedy=_REMEDY) from error


_REMEDY = (
    "Move the file and its -wal and -shm companions away and run again: a new cache is made, and the answers that only "
    "the old one held are asked for again"
)
