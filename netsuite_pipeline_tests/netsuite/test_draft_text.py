"""Drafts load as they are, whatever an account calls its columns, labels and tables, and say what they leave out."""

import re
from pathlib import Path

import pytest

from netsuite_pipeline.netsuite.draft_text import draft_text
from netsuite_pipeline.netsuite.drafting import draft
from netsuite_pipeline.netsuite.errors import QueryRejected, TimedOut
from netsuite_pipeline.netsuite.page import Page, RawRow
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import catalog_with
from netsuite_pipeline.record_types.model import RecordType

ROW: RawRow = {"id": "1", "name": "a", "links": []}


class Account:
    """Has one row in every table, and a list of custom fields: script id, then label and type."""

    def __init__(
        self,
        row: RawRow,
        listed: dict[str, tuple[str, str]] | None = None,
        *,
        unknown: frozenset[str] = frozenset(),
        slow: bool = False,
    ) -> None:
        self._row = row
        self._listed = listed or {}
        self._unknown = unknown
        self._slow = slow

    def query(self, sql: str, *, cancelled: object = None) -> Page:
        if "FROM customfield" in sql:
            prefix = re.search(r"LIKE '(\w+)%'", sql)
            assert prefix is not None
            rows: list[RawRow] = [
                {"script_id": name, "name": label, "fieldvaluetype": kind}
                for name, (label, kind) in self._listed.items()
                if name.startswith(prefix[1])
            ]
            return Page(items=rows, total=len(rows), has_more=False)
        if ".*" in sql:
            return Page(items=[self._row], total=1, has_more=False)
        if "MAX(TO_CHAR" in sql and self._slow:
            raise TimedOut("no answer (ReadTimeout)")
        for name in re.findall(r"(\w+) AS", sql):
            if name in self._unknown:
                refusal = QueryRejected(f"Unknown identifier '{name}'", status=400)
                refusal.column = name
                raise refusal
        return Page(items=[], total=0, has_more=False)


def text_of(account: Account, name: str, *, catalog: Catalog = CATALOG) -> str:
    return draft_text(draft(account, name, catalog=catalog, builtin=CATALOG), account="1")


def loaded(text: str) -> RecordType:
    """The only type that the draft adds."""
    (added,) = [found for found in catalog_with(CATALOG, text, Path("draft")) if found.name not in CATALOG]
    return added


@pytest.mark.parametrize("stem", ["order", "resource", "level", "file", "session", "customers", "schema_changes", "12"])
def test_a_table_of_the_warehouse_gets_a_name_that_it_may_have(stem: str) -> None:
    added = loaded(text_of(Account(ROW), f"customrecord_{stem}"))
    assert (added.name, added.table) == (f"customrecord_{stem}", f"custom_{stem}")


@pytest.mark.parametrize("table", ["file", "type", "class", "import_queue"])
def test_a_type_gets_a_name_that_it_may_have_and_reads_its_table(table: str) -> None:
    text = text_of(Account(ROW), table)
    added = loaded(text)
    assert (added.name, added.source.table) == (f"custom_{table}", table)
    # Drafted again, it stays what it is.
    again = loaded(text_of(Account(ROW), table, catalog=catalog_with(CATALOG, text, Path("draft"))))
    assert (again.name, again.id, again.table) == (added.name, added.id, added.table)


def test_a_label_is_one_printable_line() -> None:
    label = "evil\x1b[31m\x07 a\nb: }\u2028c \ud800 'x' # {"
    text = text_of(Account({**ROW, "custrecord_x_a": "v"}, {"custrecord_x_a": (label, "SELECT")}), "customrecord_x")
    assert "custom field \"evil [31m a b: } c 'x' # {\", SELECT" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert text.encode()
    assert {field.name for field in loaded(text).value_fields} == {"name", "custrecord_x_a_id"}


def test_columns_that_cannot_keep_their_names_get_others() -> None:
    row = {**ROW, "external_id": "5", "record_type": "x", "level": "2", "_x": "1", "a" * 70: "1"}
    added = loaded(text_of(Account(row), "customrecord_x"))
    assert {field.name for field in added.value_fields} == {
        "name",
        "external_id_value",
        "record_type_value",
        "level_value",
        "c_x",
        "a" * 59,
    }


def test_two_columns_never_get_one_name() -> None:
    row = {**ROW, "custrecord_x_a": "7", "custrecord_x_a_id": "8"}
    added = loaded(text_of(Account(row, {"custrecord_x_a": ("A", "SELECT")}), "customrecord_x"))
    assert {field.name for field in added.value_fields} == {"name", "custrecord_x_a_id", "custrecord_x_a_id_2"}


def test_a_column_whose_name_cannot_be_written_is_left_out_and_said_so() -> None:
    text = text_of(Account({**ROW, "a b": "v"}), "customrecord_x")
    assert "# Left out, for their names cannot be written: 'a b'." in text
    assert [field.name for field in loaded(text).value_fields] == ["name"]


def test_every_custom_field_that_is_null_in_the_sample_is_drafted() -> None:
    listed = {f"custentity_f{number:04}": ("n", "Free-Form Text") for number in range(400)}
    text = text_of(Account(ROW, listed, unknown=frozenset(sorted(listed)[:50])), "customer")
    assert text.count("{kind: text, length: 300}") == 350
    assert "not looked up" not in text


def test_how_many_fields_were_not_looked_up_is_said() -> None:
    listed = {f"custentity_f{number:04}": ("n", "Free-Form Text") for number in range(400)}
    text = text_of(Account(ROW, listed, unknown=frozenset(listed)), "customer")
    assert re.search(r"# Custom fields that are in none of these rows and were not looked up: 300 \(custentity_f", text)
    assert text.endswith("# No custom column was found that is not declared yet.\n")
    other = {"custrecord_ships_a": ("A", "SELECT"), "custrecord_x_b": ("B", "SELECT")}
    text = text_of(Account(ROW, other), "customrecord_x")
    assert "were not looked up: 1 (custrecord_ships_a), because they seem to be other tables'." in text
    assert "custrecord_x_b: {kind: reference}" in text


def test_a_table_of_its_own_is_asked_for_the_sorts_of_custom_fields_that_it_shows() -> None:
    listed = {"custentity_a": ("A", "Checkbox"), "custentity_b": ("B", "Date"), "custrecord_c": ("C", "Date")}
    text = text_of(Account({**ROW, "custentity_a": "T"}, listed), "contact")
    assert {field.name: field.kind for field in loaded(text).value_fields} == {
        "name": "text",
        "custentity_a": "boolean",
        "custentity_b": "date",
    }


def test_dates_that_netsuite_is_silent_about_are_text_and_said_so() -> None:
    text = text_of(Account({**ROW, "created": "31/1/2025"}, slow=True), "customrecord_x")
    assert "created: {kind: text, length: 32}" in text
    assert "# Whether created have a time could not be found out (no answer (ReadTimeout)): they are drafted as" in text
