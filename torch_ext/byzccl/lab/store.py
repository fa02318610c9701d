# SPDX-License-Identifier: MIT
"""All results of an experiment in one SQLite file, safe against kills and other writers."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
FLOCK = "hhqqi"  # struct flock of 64-bit Linux: type, whence, start, length, process
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,      -- of settings and code together
  settings_key TEXT NOT NULL,    -- of the settings alone
  code TEXT NOT NULL,            -- version of the code
  settings TEXT NOT NULL,        -- JSON: every field of the experiment
  environment TEXT,              -- JSON: versions and machine
  state TEXT NOT NULL CHECK (state IN ('begun', 'failed', 'done')),
  attempts INTEGER NOT NULL DEFAULT 0,
  begun REAL, ended REAL,        -- seconds since 1970
  outcome TEXT,                  -- JSON, once done
  error TEXT                     -- once failed
);
CREATE INDEX IF NOT EXISTS runs_by_settings ON runs (settings_key);
CREATE VIEW IF NOT EXISTS curves AS
  SELECT runs.key AS key, json_extract(point.value, '$[0]') AS step,
         json_extract(point.value, '$[1]') AS seconds, json_extract(point.value, '$[2]') AS accuracy
  FROM runs, json_each(runs.outcome, '$.curve') AS point;
"""


@dataclass(frozen=True)
class Row:
    """One run as the store has it."""

    id: int
    key: str
    code: str
    settings: dict[str, Any]
    environment: dict[str, Any] | None
    state: str  # begun (running, or killed), failed, done
    attempts: int
    begun: float | None
    ended: float | None
    outcome: dict[str, Any] | None
    error: str | None


def text_of(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)


def settings_key(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(text_of(settings).encode()).hexdigest()[:16]


def key_of(settings: Mapping[str, Any], code: str) -> str:
    """The key of a run: the same settings on the same code are the same run."""
    return hashlib.sha256(f"{text_of(settings)}\n{code}".encode()).hexdigest()[:16]


class Store:
    """The results in one file. Each process opens one of its own, after it was forked.

    Every change is one transaction, so that a killed process leaves what it had recorded and no
    more; writers wait for one another, up to a minute. Who runs a run holds a lock on one byte,
    the row's id, of the file PATH-claims: the system drops it with the process, however that ends.
    """

    def __init__(self, path: Path) -> None:
        """Makes the file if there is none. Raises ValueError if it is no store of this format."""
        self.path = path
        self._claims = open(f"{path}-claims", "ab")  # noqa: SIM115  # closed by close()
        # One after the other: SQLite does not wait where two turn a new file to WAL at once.
        fcntl.lockf(self._claims, fcntl.LOCK_EX, 1, 0, os.SEEK_SET)
        try:
            self._base = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            with self._transaction():
                (found,) = self._base.execute("PRAGMA user_version").fetchone()
                if found == 0:
                    for statement in SCHEMA.split(";\n"):
                        self._base.execute(statement)
                    self._base.execute(f"PRAGMA user_version = {FORMAT}")
        except sqlite3.Error as error:
            raise ValueError(f"{path} cannot be used as a store of results: {error}") from None
        finally:
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, 0, os.SEEK_SET)
        if found not in (0, FORMAT):
            raise ValueError(f"{path} has format {found}, and this byzccl reads format {FORMAT}")

    def close(self) -> None:
        """Drops what is claimed, too."""
        self._base.close()
        self._claims.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def claim(
        self, settings: Mapping[str, Any], code: str, environment: Mapping[str, Any],
        again: bool = False,
    ) -> str | None:  # fmt: skip
        """Begins a run and returns its key; None if it is done already or runs elsewhere.

        `again`: a run that is done is begun nevertheless; its outcome stays until finish(). The
        claim ends with finish(), fail() or this process.
        """
        key = key_of(settings, code)
        with self._transaction():
            self._base.execute(
                "INSERT INTO runs (key, settings_key, code, settings, state) "
                "VALUES (?, ?, ?, ?, 'begun') ON CONFLICT (key) DO NOTHING",
                (key, settings_key(settings), code, text_of(settings)),
            )
            found = self._base.execute("SELECT id, state FROM runs WHERE key = ?", (key,))
            number, state = found.fetchone()
            if (state == "done" and not again) or not self._lock(number):
                return None
            self._base.execute(
                "UPDATE runs SET state = iif(state = 'done', 'done', 'begun'), begun = ?, "
                "attempts = attempts + 1, environment = ? WHERE id = ?",
                (time.time(), text_of(environment), number),
            )
        return key

    def finish(self, key: str, outcome: Mapping[str, Any]) -> None:
        """Records what came of a claimed run."""
        self._end(key, "done", text_of(outcome), None)

    def fail(self, key: str, error: str) -> None:
        """Records why a claimed run gave nothing."""
        self._end(key, "failed", None, error)

    def _end(self, key: str, state: str, outcome: str | None, error: str | None) -> None:
        with self._transaction():
            self._base.execute(
                "UPDATE runs SET state = ?, ended = ?, outcome = ?, error = ? WHERE key = ?",
                (state, time.time(), outcome, error, key),
            )
            (number,) = self._base.execute("SELECT id FROM runs WHERE key = ?", (key,)).fetchone()
        fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, number, os.SEEK_SET)

    def _lock(self, number: int) -> bool:
        try:
            fcntl.lockf(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number, os.SEEK_SET)
        except OSError:
            return False
        return True

    def running(self, row: Row) -> bool:
        """Whether another process has claimed the run; never true of this process's own."""
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, row.id, 1, 0)
        kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(self._claims, fcntl.F_GETLK, asked))
        return bool(kind != fcntl.F_UNLCK)

    def wait_for(self, key: str) -> None:
        """Returns once no other process has claimed the run."""
        row = self.row(key)
        if row is not None and row.state != "done":
            fcntl.lockf(self._claims, fcntl.LOCK_EX, 1, row.id, os.SEEK_SET)
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, row.id, os.SEEK_SET)

    def row(self, key: str) -> Row | None:
        return next(iter(self._rows("WHERE key = ?", (key,))), None)

    def of_settings(self, settings: Mapping[str, Any]) -> list[Row]:
        """The runs with these settings, whatever the code, oldest first."""
        return self._rows("WHERE settings_key = ?", (settings_key(settings),))

    def rows(self) -> list[Row]:
        """All runs, in the order in which they were first begun."""
        return self._rows("", ())

    def _rows(self, where: str, values: tuple[str, ...]) -> list[Row]:
        found = self._base.execute(
            "SELECT id, key, code, settings, environment, state, attempts, begun, ended, outcome, "
            f"error FROM runs {where} ORDER BY id",
            values,
        )
        return [
            Row(
                number, key, code, parsed(settings), parsed(environment), state, attempts, begun,
                ended, parsed(outcome), error,
            )
            for (
                number, key, code, settings, environment, state, attempts, begun, ended, outcome,
                error,
            ) in found
        ]  # fmt: skip


def parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)
