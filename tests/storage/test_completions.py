import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from storage.completions import Completion, CompletionStore, completion_key
from storage.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
ANSWER = Completion('{"keywords": ["tense plot"]}', 400, 18, "stop")
WRITER = """
import sys
from pathlib import Path
from storage.completions import Completion, CompletionStore
store = CompletionStore(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    store.put(f"{sys.argv[2]}-{number}", Completion("x" * 500, 1, 2, "stop"))
    print(number, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_key_depends_on_every_part_of_the_request_and_not_on_its_order() -> None:
    request: dict[str, JsonValue] = {"model": "m", "sampling": {"seed": 1, "temperature": 0}, "messages": ["é"]}
    assert completion_key(request) == completion_key(dict(reversed(request.items())))
    assert completion_key(request) != completion_key(request | {"revision": "2"})
    reseeded: dict[str, JsonValue] = {**request, "sampling": {"seed": 2, "temperature": 0}}
    assert completion_key(request) != completion_key(reseeded)


def test_answers_are_found_again_by_another_connection(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "completions.sqlite"
    with CompletionStore(path) as first, CompletionStore(path) as second:
        first.put("a", ANSWER)
        assert second.get_many(["a", "b"]) == {"a": ANSWER}


def test_the_first_answer_to_a_request_counts(tmp_path: Path) -> None:
    with CompletionStore(tmp_path / "c.sqlite") as store:
        store.put("a", ANSWER)
        store.put("a", Completion("other", 1, 1, "stop"))
        assert store.get_many(["a"])["a"] == ANSWER


def test_many_keys_are_looked_up_at_once(tmp_path: Path) -> None:
    with CompletionStore(tmp_path / "c.sqlite") as store:
        for number in range(1200):
            store.put(str(number), ANSWER)
        assert len(store.get_many([str(number) for number in range(2000)])) == len(store) == 1200


def test_a_writer_killed_at_any_point_loses_no_stored_answer(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    process = writer(path, "w", 100_000)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().splitlines() if line.strip()]
    process.wait()
    with CompletionStore(path) as store:
        keys = [f"w-{number}" for number in told]
        assert store.get_many(keys).keys() == set(keys)
        store.put("after", ANSWER)
        assert store.get_many(["after"])


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    processes = [writer(path, name, 150) for name in "abc"]
    assert [process.communicate()[0].count("\n") for process in processes] == [150, 150, 150]
    with CompletionStore(path) as store:
        assert len(store) == 450


def test_a_file_that_is_no_cache_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is not a database, but long enough to be looked at" * 20)
    with pytest.raises(DataError, match=r"c\.sqlite.*damaged.*Move the file"):
        CompletionStore(path)
    assert path.read_bytes().startswith(b"this is not"), "what was there stays"


def test_a_cache_cut_short_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with CompletionStore(path) as store:
        for number in range(500):
            store.put(str(number), ANSWER)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"damaged.*Move the file"), CompletionStore(path) as store:
        store.get_many([str(number) for number in range(500)])


def test_probabilities_of_the_first_token_are_kept(tmp_path: Path) -> None:
    answer = Completion("4", 10, 1, "length", '[["4", -0.1]]')
    with CompletionStore(tmp_path / "c.sqlite") as store:
        store.put("a", answer)
        assert store.get_many(["a"]) == {"a": answer}


def test_a_cache_of_format_2_keeps_its_answers(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "c.sqlite")
    connection.executescript(
        "CREATE TABLE completions (key TEXT PRIMARY KEY, response TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, "
        "output_tokens INTEGER NOT NULL, finish_reason TEXT NOT NULL, created REAL NOT NULL, "
        "model TEXT NOT NULL DEFAULT '', prompt TEXT NOT NULL DEFAULT '') WITHOUT ROWID; "
        "INSERT INTO completions VALUES ('old', '{}', 1, 2, 'stop', 1.0, 'small', 'old'); PRAGMA user_version = 2;"
    )
    connection.close()
    with CompletionStore(tmp_path / "c.sqlite") as store:
        store.put("new", ANSWER)
        assert store.get_many(["old", "new"]) == {"old": Completion("{}", 1, 2, "stop"), "new": ANSWER}


def test_a_cache_of_a_later_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    CompletionStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataError, match="format 99"):
        CompletionStore(path)


def test_a_full_disk_is_told_and_stored_answers_stay(tmp_path: Path) -> None:
    with CompletionStore(tmp_path / "c.sqlite") as store:
        store.put("a", ANSWER)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DataError, match=r"The disk is full"):
            for number in range(100):
                store.put(str(number), Completion("x" * 5000, 1, 1, "stop"))
        assert store.get_many(["a"]) == {"a": ANSWER}
