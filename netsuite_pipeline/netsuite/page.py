"""What a query answers: a page of rows, and how a whole number is read from one.

Only what both the client and the readers of its answers need belongs here.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from netsuite_pipeline.netsuite.errors import IncompleteRead
from netsuite_pipeline.transform.rejection import ConversionError
from netsuite_pipeline.transform.values import convert_integer

# The most rows that NetSuite puts into one answer (Oracle help section_156414087576).
PAGE_SIZE = 1000

RawRow = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer. `total` counts the rows of the whole query, `attempts` the tries it took to get it."""

    items: list[RawRow]
    total: int | None
    has_more: bool
    attempts: int = 1


class Queries(Protocol):
    """Whatever runs a SuiteQL query; NetSuiteError if it cannot."""

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        """The first page of the query's rows; QueryCancelled soon after `cancelled` is set."""
        ...


def whole_number(row: Mapping[str, Any], name: str) -> int | None:
    """The number in column `name` of an aggregate's row; None where NetSuite left the column out (NULL).

    NetSuite does not promise the casing of names (Oracle help section_156257796125). IncompleteRead if the
    value is no whole number.
    """
    value = row.get(name)
    if value is None:
        value = next((value for key, value in row.items() if key.lower() == name), None)
    if value is None:
        return None
    try:
        return convert_integer(value)
    except ConversionError as error:
        raise IncompleteRead(f"Read {name} from NetSuite's answer: {error.detail}") from None
