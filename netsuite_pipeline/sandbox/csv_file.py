"""Rows from a CSV file of a NetSuite table, e.g. an export or a published seed, into the sandbox's data.

Cells keep the text they have; an empty cell is NULL, as in Oracle.
"""

import csv
import re
from pathlib import Path

from netsuite_pipeline.sandbox.catalogue import Kind
from netsuite_pipeline.sandbox.dataset import Dataset, DatasetError

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}):(\d{2}):(\d{2}))?")


def load_csv(dataset: Dataset, table: str, path: Path) -> tuple[str, ...]:
    """Insert or update the file's rows by key and return the columns loaded; columns the table lacks are
    skipped.

    A file without the column that tells when a row changed gets the account's current time there.
    """
    declared = dataset.table(table)
    # A byte order mark is what spreadsheets write.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        shared = tuple(name for name in reader.fieldnames or () if name.lower() in declared.columns)
        dates = {name for name in shared if declared.columns[name.lower()].kind in {Kind.DATE, Kind.DATETIME}}
        dataset.put(
            table, [{name: _date(row[name]) if name in dates else row[name] for name in shared} for row in reader]
        )
    return tuple(name.lower() for name in shared)


def _date(text: str) -> str:
    """`2017-05-27 8:56:10` with two digits for the hour, the way dates are stored."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        if text:
            raise DatasetError(f"Not a date of the form YYYY-MM-DD HH:MM:SS: {text!r}.")
        return text
    day, hour, minute, second = match.groups(default="00")
    return f"{day} {int(hour):02}:{minute}:{second}"
