# SPDX-License-Identifier: MIT
"""The store of results: kills, other writers, claims."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from byzccl.lab.store import FORMAT, Store, key_of

FORK = multiprocessing.get_context("fork")
SETTINGS = {"rule": "krum", "f": 2, "server_attack": None, "lr": 0.1}
OUTCOME = {"accuracy": 0.5, "curve": [[0, 0.0, 0.1], [10, 1.5, 0.5]], "spread": [0.0]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.sqlite"


def in_child(work, *arguments) -> int:
    """Runs it in a process of its own and returns how that ended."""
    child = FORK.Process(target=work, args=arguments)
    child.start()
    child.join(180)
    assert child.exitcode is not None
    return child.exitcode


def test_what_goes_in_comes_out(path):
    with Store(path) as store:
        key = store.claim(SETTINGS, "c1", {"torch": "2"})
        assert key == key_of(SETTINGS, "c1")
        assert store.row(key).state == "begun"
        store.finish(key, OUTCOME)
    with Store(path) as store:
        (row,) = store.rows()
        assert (row.settings, row.outcome, row.environment) == (SETTINGS, OUTCOME, {"torch": "2"})
        assert (row.state, row.attempts, row.code, row.error) == ("done", 1, "c1", None)
        assert row.begun <= row.ended


def test_the_curves_can_be_asked_for_in_sql(path):
    with Store(path) as store:
        store.finish(key := store.claim(SETTINGS, "c", {}), OUTCOME)
    with sqlite3.connect(path) as base:
        assert base.execute("SELECT * FROM curves").fetchall() == [
            (key, 0, 0.0, 0.1), (key, 10, 1.5, 0.5)
        ]  # fmt: skip


def test_the_key_is_settings_and_code():
    keys = {key_of(SETTINGS, "c1"), key_of(SETTINGS, "c2"), key_of(SETTINGS | {"f": 1}, "c1")}
    assert len(keys) == 3
    assert key_of(dict(reversed(SETTINGS.items())), "c1") in keys


def test_a_run_that_is_done_is_not_begun_again_unless_asked(path):
    with Store(path) as store:
        store.finish(key := store.claim(SETTINGS, "c", {}), OUTCOME)
        assert store.claim(SETTINGS, "c", {}) is None
        assert store.claim(SETTINGS, "c", {}, again=True) == key
        assert store.row(key).state == "done"  # until there is another outcome
        store.finish(key, OUTCOME | {"accuracy": 0.6})
        assert store.row(key).outcome["accuracy"] == 0.6
        assert len(store.of_settings(SETTINGS)) == 1
        assert store.claim(SETTINGS, "c2", {}) is not None
        assert len(store.of_settings(SETTINGS)) == 2


def test_a_failed_run_is_begun_again(path):
    with Store(path) as store:
        store.fail(key := store.claim(SETTINGS, "c", {}), "ValueError: no\n\nTraceback ...")
        assert (store.row(key).state, store.row(key).outcome) == ("failed", None)
        assert store.claim(SETTINGS, "c", {}) == key
        store.finish(key, OUTCOME)
        assert (store.row(key).state, store.row(key).attempts) == ("done", 2)
        assert store.row(key).error is None


def claim_and_die(path: Path) -> None:
    store = Store(path)
    store.claim(SETTINGS, "c", {})
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_drops_the_claim(path):
    assert in_child(claim_and_die, path) == -signal.SIGKILL
    with Store(path) as store:
        (row,) = store.rows()
        assert row.state == "begun"
        assert not store.running(row)
        store.wait_for(row.key)
        assert store.claim(SETTINGS, "c", {}) == row.key


def test_a_claim_keeps_others_out(path):
    def other() -> None:
        with Store(path) as store:
            (row,) = store.rows()
            kept_out = store.claim(SETTINGS, "c", {}) is None
            os._exit(0 if kept_out and store.running(row) else 1)

    with Store(path) as store:
        key = store.claim(SETTINGS, "c", {})
        assert in_child(other) == 0
        assert store.row(key).attempts == 1


def test_waiting_for_a_claim_ends_with_it(path):
    ours, theirs = FORK.Pipe()

    def holder() -> None:
        store = Store(path)
        key = store.claim(SETTINGS, "c", {})
        theirs.send(key)
        theirs.recv()
        store.finish(key, OUTCOME)
        os._exit(0)

    child = FORK.Process(target=holder)
    child.start()
    key = ours.recv()
    with Store(path) as store:
        ours.send("go on")
        store.wait_for(key)
        assert store.row(key).state == "done"
    child.join()


def write_many(path: Path, first: int) -> None:
    with Store(path) as store:
        for number in range(first, first + 25):
            key = store.claim(SETTINGS | {"seed": number}, "c", {})
            store.finish(key, OUTCOME | {"accuracy": number / 100})
    os._exit(0)


def test_several_writers_at_once(path):
    """From the very making of the file."""
    children = [FORK.Process(target=write_many, args=(path, 25 * k)) for k in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(180)
        assert child.exitcode == 0
    with Store(path) as store:
        assert sorted(row.outcome["accuracy"] for row in store.rows()) == [
            number / 100 for number in range(100)
        ]
        assert {row.state for row in store.rows()} == {"done"}


def test_many_race_for_one_run(path):
    Store(path).close()

    def racer() -> None:
        with Store(path) as store:
            key = store.claim(SETTINGS, "c", {})
            if key is None:
                os._exit(1)
            store.finish(key, OUTCOME)
            os._exit(0)

    children = [FORK.Process(target=racer) for _ in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join(180)
    assert sorted(child.exitcode for child in children) == [0] + 7 * [1]
    with Store(path) as store:
        assert [row.attempts for row in store.rows()] == [1]


def test_kills_while_writing_leave_whole_rows(path):
    """Killed at any moment, the store opens, and what finish() returned from is there."""
    for turn in range(5):
        ours, theirs = FORK.Pipe(duplex=False)

        def writer(turn=turn, theirs=theirs) -> None:
            store = Store(path)
            for number in range(10_000):
                key = store.claim(SETTINGS | {"seed": number, "turn": turn}, "c", {})
                store.finish(key, OUTCOME | {"heard": [number] * 1000})
                theirs.send(key)

        child = FORK.Process(target=writer)
        child.start()
        theirs.close()
        reported = [ours.recv() for _ in range(3 + turn)]
        child.kill()
        child.join()
        with contextlib.suppress(EOFError):
            while True:
                reported.append(ours.recv())
        with Store(path) as store:
            rows = {row.key: row for row in store.rows()}
            assert all(rows[key].state == "done" for key in reported)
            assert all(row.outcome is not None for row in rows.values() if row.state == "done")
    with sqlite3.connect(path) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_is_no_store_is_told(path):
    path.write_bytes(b"what somebody else keeps here" * 100)
    with pytest.raises(ValueError, match="cannot be used as a store"):
        Store(path)


def test_another_format_is_told(path):
    Store(path).close()
    with sqlite3.connect(path) as base:
        base.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(ValueError, match=f"has format {FORMAT + 1}"):
        Store(path)
