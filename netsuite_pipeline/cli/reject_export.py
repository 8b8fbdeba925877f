"""Rejects as CSV or as JSON lines, one after the other, and files that are there as a whole or not at all.

Which rejects, and in which order, is `warehouse.quarantine`'s business.
"""

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from netsuite_pipeline.warehouse.quarantine import Reject

# The order of the columns, and of the keys of an object. The payload is last: it is the long one.
COLUMNS = (
    "record_type",
    "row_key",
    "reason",
    "field",
    "detail",
    "error_code",
    "batch_first",
    "batch_last",
    "job_id",
    "run_id",
    "first_seen",
    "last_seen",
    "attempts",
    "resolved_at",
    "payload",
)
# What makes a spreadsheet compute a cell (OWASP, "CSV Injection"); tab and CR because it may skip them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    """How rejects are written."""

    CSV = "csv"
    JSON = "json"


def write_rejects(rejects: Iterable[Reject], target: BinaryIO, form: ExportFormat) -> int:
    """Writes the rejects in UTF-8 and returns how many there were.

    CSV begins with the names of the columns; a text that a spreadsheet would compute gets an apostrophe in front. JSON
    is an object per line, whose payload is the stored text itself, so that no number in it is rendered anew.
    """
    if form is ExportFormat.CSV:
        target.write(_csv_line(COLUMNS))
    written = 0
    for reject in rejects:
        target.write(_csv_line(_cells(reject)) if form is ExportFormat.CSV else _json_line(reject))
        written += 1
    return written


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the name `path` when the block ends well, in place of any that has it; otherwise it is gone.

    Only its owner may read it: it holds customers' data. OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _csv_line(cells: Iterable[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cells(reject: Reject) -> Iterator[Any]:
    for name in COLUMNS:
        value = _plain(getattr(reject, name))
        # Keys are numbers, or pairs of them, that we wrote ourselves.
        harmful = isinstance(value, str) and name != "row_key" and value.startswith(_FORMULA)
        yield f"'{value}" if harmful else value


def _json_line(reject: Reject) -> bytes:
    values = {name: _plain(getattr(reject, name)) for name in COLUMNS if name != "payload"}
    return f'{json.dumps(values, ensure_ascii=False)[:-1]}, "payload": {reject.payload}}}\n'.encode()


def _plain(value: Any) -> Any:
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else value
