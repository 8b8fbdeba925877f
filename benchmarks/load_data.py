"""The limit: LOAD DATA INFILE of files that lie on the server, written before the clock starts.

The client does nothing but send a statement: no value is encoded, compared or checked, and nothing crosses a socket.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from benchmarks.tables import Batch
from benchmarks.technique import BAD, CHANGED, COMMON, FIRST, UNCHANGED, Scenario, Technique

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


class LoadData(Technique):
    """A file and a transaction per batch; REPLACE where the rows are there already."""

    name = "load_data"
    title = "LOAD DATA INFILE"
    scenarios = COMMON

    def prepare(self, batches: Sequence[Batch], scenario: Scenario) -> list[str]:
        """The statements, one per file."""
        folder = self.database.folder(self.schema)
        statements = []
        for number, group in enumerate(self._files(batches)):
            path = folder / f"{number}.tsv"
            _write(path, group)
            statements.append(self._statement(path, scenario))
        return statements

    def load(self, prepared: list[str]) -> int:
        """Each statement is a transaction."""
        refused = 0
        with self.engine.connect() as connection:
            for statement in prepared:
                try:
                    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
                    connection.commit()
                except DBAPIError:
                    connection.rollback()
                    refused += 1
        return refused

    def _files(self, batches: Sequence[Batch]) -> Iterable[Sequence[Batch]]:
        return [[batch] for batch in batches]

    def _statement(self, path: Path, scenario: Scenario) -> str:
        columns = ", ".join(self.table.names)
        mode = self._mode(scenario)
        return (
            f"LOAD DATA INFILE '{path}' {mode} INTO TABLE {self.table.record_type.table}"
            f" CHARACTER SET utf8mb4 ({columns})"
        )

    def _mode(self, scenario: Scenario) -> str:
        return "REPLACE" if scenario.after else ""


class LoadDataWhole(LoadData):
    """All rows in one file and one transaction."""

    name = "load_data_whole"
    title = "LOAD DATA INFILE, one file"
    scenarios = frozenset({FIRST, CHANGED, UNCHANGED})

    def _files(self, batches: Sequence[Batch]) -> Iterable[Sequence[Batch]]:
        return [batches]


class LoadDataIgnore(LoadData):
    """What people add when LOAD DATA refuses a file: IGNORE, which makes values fit."""

    name = "load_data_ignore"
    title = "LOAD DATA INFILE … IGNORE"
    scenarios = frozenset({BAD})

    def _mode(self, scenario: Scenario) -> str:  # noqa: ARG002
        return "IGNORE"


def _write(path: Path, batches: Iterable[Batch]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for batch in batches:
            for row in batch.rows:
                file.write("\t".join(map(_cell, row.values)) + "\n")
    path.chmod(0o644)


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    encode: Callable[[Any], str] | None = _ENCODERS.get(type(value))
    return encode(value) if encode else str(value)


_ENCODERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: value.translate(_ESCAPES),
    bool: lambda value: str(int(value)),
    Decimal: lambda value: f"{value:f}",
}
