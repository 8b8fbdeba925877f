"""What the three tiers cost, and what they say of each bad row. Every load runs twice."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.schema import CreateTable

from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.warehouse.errors import RejectGuardTripped
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline_tests.warehouse.samples import WIDGET, Importer, batch_of, build_importer, row, widgets

# The tenth row of every ten.
BAD = range(10, 1001, 10)


@pytest.fixture
def patient(importer: Importer) -> Importer:
    """With a guard that lets any number of rows be rejected."""
    importer.loader = BatchLoader(
        importer.engine,
        importer.metadata,
        delete_guard_percent=100,
        reject_guard_percent=100,
        sleep=lambda seconds: None,
    )
    return importer


class Statements(list[str]):
    @property
    def upserts(self) -> list[str]:
        return [sent for sent in self if sent.startswith("INSERT INTO") and "widgets" in sent[:30]]


@pytest.fixture
def statements(importer: Importer) -> Iterator[Statements]:
    """Everything that is sent to the database."""
    sent = Statements()

    def remember(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(importer.engine, "before_cursor_execute", remember)
    yield sent
    event.remove(importer.engine, "before_cursor_execute", remember)


def with_bad_rows(**bad: Any) -> list[Row]:
    rows = widgets(range(1, 1001), order=1, class_id=1)
    for number in BAD:
        rows[number - 1] = row(WIDGET, number, **{"name": f"widget {number}", "order": 1, "class_id": 1, **bad})
    return rows


def spoiled(importer: Importer, reason: str) -> list[Row]:
    """A thousand rows of which the table refuses every tenth for the reason."""
    server = importer.engine.dialect.name != "sqlite"
    match reason:
        case "too_long":
            importer.run("ALTER TABLE widgets MODIFY name VARCHAR(12)")
            return with_bad_rows(name="more than twelve")
        case "out_of_range":
            importer.run("ALTER TABLE widgets MODIFY `order` TINYINT")
            return with_bad_rows(order=128)
        case "null_value":
            importer.run("ALTER TABLE widgets MODIFY class_id BIGINT NOT NULL")
            return with_bad_rows(class_id=None)
        case "missing_reference":
            importer.run("CREATE TABLE classes (id BIGINT NOT NULL PRIMARY KEY)")
            importer.run("INSERT INTO classes VALUES (1)")
            importer.run("ALTER TABLE widgets ADD FOREIGN KEY (class_id) REFERENCES classes (id)")
            return with_bad_rows(class_id=2)
        case "duplicate_value":
            importer.run("CREATE UNIQUE INDEX by_name ON widgets (name)")
            return [
                replace(entry, values=(*entry.values[:2], "Widget 1", *entry.values[3:]))
                if entry.key[0] in BAD
                else entry
                for entry in with_bad_rows()
            ]
        case _:
            importer.refuse("new.class_id = 13")
            assert server or reason == "database"
            return with_bad_rows(class_id=13)


@pytest.mark.parametrize(
    "reason", ["too_long", "out_of_range", "null_value", "missing_reference", "duplicate_value", "check_failed"]
)
def test_a_hundred_scattered_bad_rows_cost_less_than_row_by_row_and_each_has_its_reason(
    mariadb_url: str, reason: str
) -> None:
    importer = build_importer(mariadb_url)
    importer.loader = BatchLoader(
        importer.engine, importer.metadata, delete_guard_percent=100, reject_guard_percent=100
    )
    rows = spoiled(importer, reason)
    sent = Statements()
    event.listen(importer.engine, "before_cursor_execute", lambda c, u, statement, *rest: sent.append(statement))
    ledger = importer.loader.load(batch_of(rows), job_id=None, run_id=None)
    assert (ledger.inserted, ledger.rejected) == (900, 100)
    assert len(sent.upserts) <= 310
    sent.clear()
    again = importer.loader.load(batch_of(rows), job_id=None, run_id=None)
    assert (again.written, again.unchanged, again.rejected) == (0, 900, 100)
    assert importer.imported() == {entry.key: entry.values for entry in rows if entry.key[0] not in BAD}
    rejects = importer.rows_of("import_rejects")
    assert [reject["key_first"] for reject in rejects] == list(BAD)
    assert {reject["reason"] for reject in rejects} == {reason}
    importer.engine.dispose()


def test_one_bad_row_in_a_thousand_costs_at_most_25_statements_more(
    mariadb_importer: Importer,
) -> None:
    sent = Statements()
    event.listen(
        mariadb_importer.engine, "before_cursor_execute", lambda c, u, statement, *rest: sent.append(statement)
    )
    mariadb_importer.run("ALTER TABLE widgets MODIFY name VARCHAR(12)")
    good = widgets(range(1, 1001))
    mariadb_importer.load(batch_of(good))
    bad = [*widgets(range(1001, 2001))]
    sent.clear()
    mariadb_importer.loader.load(batch_of(bad, first=1001, last=2000), job_id=None, run_id=None)
    usual = len(sent)
    bad = [*widgets(range(2001, 3001))]
    bad[700] = row(WIDGET, 2701, name="more than twelve")
    sent.clear()
    ledger = mariadb_importer.loader.load(batch_of(bad, first=2001, last=3000), job_id=None, run_id=None)
    assert (ledger.inserted, ledger.rejected) == (999, 1)
    assert len(sent) - usual <= 25


def test_a_row_that_breaks_several_constraints_is_rejected_once(patient: Importer) -> None:
    patient.refuse("new.class_id = 13")
    patient.run("CREATE UNIQUE INDEX by_name ON widgets (name)")
    rows = [*widgets([1, 2]), row(WIDGET, 3, name="widget 1", class_id=13)]
    ledger = patient.load(batch_of(rows))
    assert (ledger.inserted, ledger.rejected) == (2, 1)
    assert len(patient.rows_of("import_rejects")) == 1


def test_of_two_rows_with_the_same_unique_value_the_first_is_loaded(patient: Importer) -> None:
    patient.run("CREATE UNIQUE INDEX by_name ON widgets (name)")
    ledger = patient.load(batch_of([*widgets([1], name="same"), *widgets([2], name="same")]))
    assert (ledger.inserted, ledger.rejected) == (1, 1)
    (reject,) = patient.rows_of("import_rejects")
    assert (reject["row_key"], reject["reason"], reject["field"]) == ("2", "duplicate_value", "name")


def test_a_column_that_nothing_fills_stops_the_batch_with_what_to_do(mariadb_importer: Importer) -> None:
    mariadb_importer.run("ALTER TABLE widgets ADD tenant INT NOT NULL")
    with pytest.raises(Exception, match=r"tenant.*\(1364\); NetSuite does not fill the column: give it a DEFAULT"):
        mariadb_importer.loader.load(batch_of(widgets([1])), job_id=None, run_id=None)
    assert mariadb_importer.imported() == {}


def test_a_table_that_keeps_its_history_has_every_state(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.run("ALTER TABLE widgets ADD SYSTEM VERSIONING")
    importer.load(batch_of(widgets([1, 2, 3])))
    ledger = importer.load(batch_of([row(WIDGET, 1, name="other"), *widgets([2, 4])]))
    assert (ledger.inserted, ledger.updated, ledger.unchanged, ledger.deleted) == (1, 1, 1, 1)
    assert sorted(importer.imported()) == [(1,), (2,), (4,)]
    with importer.engine.connect() as connection:
        states = connection.exec_driver_sql("SELECT refid FROM widgets FOR SYSTEM_TIME ALL ORDER BY refid").scalars()
        assert list(states) == [1, 1, 2, 3, 3, 4]


def test_a_full_partition_for_history_refuses_no_row(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.run("ALTER TABLE widgets ADD SYSTEM VERSIONING")
    importer.run(
        "ALTER TABLE widgets PARTITION BY SYSTEM_TIME LIMIT 5 (PARTITION past HISTORY, PARTITION present CURRENT)"
    )
    ids = range(1, 201)
    importer.load(batch_of(widgets(ids)))
    for name in ("second", "third"):
        # More warnings than the server lists.
        assert importer.load(batch_of(widgets(ids, name=name))).updated == 200
    assert {values[2] for values in importer.imported().values()} == {"third"}


def test_text_is_cut_only_where_its_declaration_allows_it_and_a_record_says_so(mariadb_url: str) -> None:
    lenient = replace(WIDGET, fields=tuple(replace(field, truncate=field.name == "group") for field in WIDGET.fields))
    importer = build_importer(mariadb_url, [lenient])
    importer.run("ALTER TABLE widgets MODIFY name VARCHAR(5), MODIFY `group` VARCHAR(5)")
    rows = [row(lenient, 1, group="schön 😀"), row(lenient, 2, name="too long"), row(lenient, 3, name="ok", group="ok")]
    ledger = importer.load(batch_of(rows, record_type=lenient))
    assert (ledger.inserted, ledger.rejected) == (2, 1)
    assert {key: values[3] for key, values in importer.imported(lenient).items()} == {(1,): "schön", (3,): "ok"}
    (repair,) = importer.rows_of("value_repairs")
    assert (repair["row_key"], repair["column_name"], repair["repair"]) == ("1", "group", "truncated")
    assert (repair["original"], repair["stored"]) == ("schön 😀", "schön")
    importer.engine.dispose()


def test_a_text_that_was_cut_is_written_again_when_its_column_is_wider(mariadb_url: str) -> None:
    lenient = replace(WIDGET, fields=tuple(replace(field, truncate=field.name == "group") for field in WIDGET.fields))
    importer = build_importer(mariadb_url, [lenient])
    importer.run("ALTER TABLE widgets MODIFY `group` VARCHAR(5)")
    batch = batch_of([row(lenient, 1, group="much too long"), row(lenient, 2, group="ok")], record_type=lenient)
    importer.load(batch)
    for length, stored in ((8, "much too"), (50, "much too long")):
        importer.run(f"ALTER TABLE widgets MODIFY `group` VARCHAR({length})")
        assert importer.load(batch).updated == 1
        assert importer.imported(lenient)[(1,)][3] == stored
    assert importer.rows_of("value_repairs") == []
    importer.engine.dispose()


def test_a_column_that_takes_null_again_or_has_another_default_gets_it(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    batch = batch_of([*widgets([1]), row(WIDGET, 2, order=5)])
    stored = []
    for column in ("NOT NULL DEFAULT 'none'", "NOT NULL DEFAULT 'n/a'", "NULL"):
        importer.run(f"ALTER TABLE widgets MODIFY name VARCHAR(200) {column}")
        importer.load(batch)
        stored.append(importer.imported()[(2,)][2])
    assert stored == ["none", "n/a", None]
    assert importer.rows_of("value_repairs") == []


def test_a_column_that_has_no_default_any_more_keeps_what_it_got(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.run(f"ALTER TABLE widgets MODIFY name TEXT NOT NULL DEFAULT '{'y' * 60_000}'")
    batch = batch_of([*widgets([1]), row(WIDGET, 2, order=5)])
    importer.load(batch)
    importer.run("ALTER TABLE widgets ALTER name DROP DEFAULT")
    ledger = importer.load(batch)
    assert (ledger.unchanged, ledger.rejected) == (2, 0)


@pytest.mark.parametrize("default", ["'none'", "'it''s'", "''"])
def test_a_null_becomes_the_columns_default_and_a_record_says_so(mariadb_importer: Importer, default: str) -> None:
    importer = mariadb_importer
    importer.run(f"ALTER TABLE widgets MODIFY name VARCHAR(200) NOT NULL DEFAULT {default}")
    ledger = importer.load(batch_of([*widgets([1]), row(WIDGET, 2, order=5)]))
    assert (ledger.inserted, ledger.rejected) == (2, 0)
    assert importer.imported()[(2,)][2] == default[1:-1].replace("''", "'")
    (repair,) = importer.rows_of("value_repairs")
    assert (repair["row_key"], repair["repair"], repair["original"]) == ("2", "default_for_null", None)
    importer.load(batch_of(widgets([1, 2])))
    assert importer.rows_of("value_repairs") == []


def test_rows_that_refer_to_each_other_are_all_loaded(patient: Importer) -> None:
    if patient.engine.dialect.name == "sqlite":
        patient.run("DROP TABLE widgets")
        declared = str(CreateTable(patient.metadata.tables["widgets"]).compile(patient.engine)).rstrip().rstrip(")")
        patient.run(f"{declared}, FOREIGN KEY (class_id) REFERENCES widgets (refid))")
    else:
        patient.run("ALTER TABLE widgets ADD FOREIGN KEY (class_id) REFERENCES widgets (refid)")
    rows = [row(WIDGET, 1, class_id=2), row(WIDGET, 2, class_id=3), row(WIDGET, 3), row(WIDGET, 4, class_id=99)]
    ledger = patient.load(batch_of(rows))
    assert (ledger.inserted, ledger.rejected) == (3, 1)
    assert [reject["row_key"] for reject in patient.rows_of("import_rejects")] == ["4"]


def test_a_server_that_keeps_its_notes_to_itself_rounds_nothing_either(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.run("ALTER TABLE widgets MODIFY amount DECIMAL(10, 2)")
    importer.run("SET GLOBAL sql_notes = 0, GLOBAL max_error_count = 0")
    try:
        importer.engine.dispose()
        ledger = importer.load(batch_of([row(WIDGET, 1, amount=Decimal("1.239")), *widgets([2])]))
    finally:
        importer.run("SET GLOBAL sql_notes = 1, GLOBAL max_error_count = 64")
    assert (ledger.inserted, ledger.rejected) == (1, 1)


def test_a_look_into_a_column_of_another_character_set_is_only_a_hint(mariadb_importer: Importer) -> None:
    importer = mariadb_importer
    importer.run("ALTER TABLE widgets MODIFY name VARCHAR(200) CHARACTER SET latin1, ADD UNIQUE (name)")
    ledger = importer.load(batch_of([*widgets([1, 2], name="same"), row(WIDGET, 3, name="\u65e5\u672c")]))
    assert (ledger.inserted, ledger.rejected) == (1, 2)


def test_rows_sent_twice_count_for_the_guard(importer: Importer) -> None:
    with pytest.raises(RejectGuardTripped, match="rejected for duplicate_key"):
        importer.loader.load(batch_of(widgets(range(1, 61)) * 2), job_id=None, run_id=None)
