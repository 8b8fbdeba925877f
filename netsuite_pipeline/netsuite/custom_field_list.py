"""NetSuite's own list of custom fields, where the role may read it: names and types.

`customfield` and `customrecordtype` are known from live accounts (hotgluexyz/tap-netsuite-rest); Oracle documents the
contents of neither, so both ways of naming a type are understood: `SELECT` and `List/Record`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from netsuite_pipeline.netsuite.errors import QueryRejected, RecordTypeUnavailable
from netsuite_pipeline.netsuite.page import Queries, whole_number
from netsuite_pipeline.netsuite.value_guess import Guess, exact
from netsuite_pipeline.record_types.custom_model import ColumnKind

_SCRIPT_ID = re.compile(r"[a-z0-9_]+")
_BOOLEAN = Guess(kind=ColumnKind.BOOLEAN)
_DATE = Guess(kind=ColumnKind.DATE)
_MOMENT = Guess(kind=ColumnKind.DATETIME)
_INTEGER = Guess(kind=ColumnKind.INTEGER)
_REFERENCE = Guess(kind=ColumnKind.REFERENCE)
_LONG_TEXT = Guess(kind=ColumnKind.LONG_TEXT)


def _text(length: int) -> Guess:
    return Guess(kind=ColumnKind.TEXT, length=length)


# By the letters of the type's name; lengths are NetSuite's limits (Oracle help, "Table of Custom Field Types").
_KINDS: Mapping[str, Guess] = {
    "checkbox": _BOOLEAN,
    "date": _DATE,
    "datetime": _MOMENT,
    "datetimetz": _MOMENT,
    "integer": _INTEGER,
    "integernumber": _INTEGER,
    "float": exact(38, 20),
    "decimalnumber": exact(38, 20),
    "percent": exact(38, 20),
    "currency": exact(),
    "select": _REFERENCE,
    "listrecord": _REFERENCE,
    "image": _REFERENCE,
    "document": _REFERENCE,
    # The ids of all that are selected, joined by commas.
    "multiselect": _text(4000),
    "multipleselect": _text(4000),
    "text": _text(300),
    "freeformtext": _text(300),
    "textarea": _text(4000),
    "email": _text(254),
    "emailaddress": _text(254),
    "phone": _text(64),
    "phonenumber": _text(64),
    "url": _text(1000),
    "hyperlink": _text(1000),
    "timeofday": _text(32),
    "longtext": _LONG_TEXT,
    "clobtext": _LONG_TEXT,
    "richtext": _LONG_TEXT,
    "inlinehtml": _LONG_TEXT,
}


@dataclass(frozen=True, kw_only=True)
class CustomField:
    """A custom field: its label for people, NetSuite's name of its type, and the kind that follows from it, if any."""

    label: str
    type: str
    kind: Guess | None


@dataclass(frozen=True, kw_only=True)
class CustomFieldList:
    """The custom fields by script id; `notes` say why there are none, if they cannot be read."""

    fields: Mapping[str, CustomField]
    notes: tuple[str, ...] = ()


def list_custom_fields(client: Queries, prefix: str) -> CustomFieldList:
    """Every custom field whose script id begins with `prefix`."""
    found: dict[str, CustomField] = {}
    after: str | None = None
    while True:
        try:
            page = client.query(_list_query(prefix, after))
        except (RecordTypeUnavailable, QueryRejected) as error:
            # NetSuite's words may have several lines.
            reason = " ".join(str(error).split())
            return CustomFieldList(fields={}, notes=(f"Custom fields cannot be looked up, all is guessed: {reason}",))
        rows = [{name.lower(): str(value) for name, value in row.items()} for row in page.items]
        known = [row for row in rows if _SCRIPT_ID.fullmatch(row.get("script_id", ""))]
        found.update((row["script_id"], _field(row)) for row in known)
        if not page.has_more or not known:
            return CustomFieldList(fields=found)
        after = known[-1]["script_id"]


def _list_query(prefix: str, after: str | None) -> str:
    # Not `> ''` at first: an empty text is NULL in Oracle, and nothing is greater.
    beyond = "" if after is None else f" AND LOWER(customfield.scriptid) > '{after}'"
    return (
        "SELECT LOWER(customfield.scriptid) AS script_id, customfield.name AS name,"
        " customfield.fieldvaluetype AS fieldvaluetype FROM customfield"
        f" WHERE LOWER(customfield.scriptid) LIKE '{prefix}%'{beyond} ORDER BY LOWER(customfield.scriptid)"
    )


def record_type_id(client: Queries, script_id: str) -> int | None:
    """The id that NetSuite gives a custom record type; None if it does not say."""
    try:
        rows = client.query(
            f"SELECT internalid FROM customrecordtype WHERE LOWER(scriptid) = '{script_id.lower()}'"
        ).items
    except (RecordTypeUnavailable, QueryRejected):
        return None
    return whole_number(rows[0], "internalid") if rows else None


def _field(row: Mapping[str, str]) -> CustomField:
    named = row.get("fieldvaluetype", "")
    letters = re.sub(r"[^a-z]", "", named.lower())
    return CustomField(label=row.get("name", ""), type=named or "no type", kind=_KINDS.get(letters))
