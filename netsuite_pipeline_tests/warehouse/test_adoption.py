"""Importing into tables that people had before: they stay as they are, and their rows come right."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.record_types.custom import adopting
from netsuite_pipeline.warehouse.adoption import edition_for, lacking_columns
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import SchemaError
from netsuite_pipeline.warehouse.frames import read_frame
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.migration.differences import differences
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline.warehouse.totals import type_totals
from netsuite_pipeline.warehouse.writers import AdoptedTableWriter
from netsuite_pipeline_tests.warehouse.samples import WIDGET, Importer, batch_of, row, widgets

THEIRS = replace(WIDGET, adopted=True)
# As a web framework makes them: a number of its own, a unique key of NetSuite's, columns that NetSuite does not fill.
FRAMEWORK = {
    "mysql": """CREATE TABLE widgets (id BIGINT AUTO_INCREMENT PRIMARY KEY, tenant INT NOT NULL DEFAULT 7,
        name VARCHAR(200) NOT NULL DEFAULT 'nameless', amount DECIMAL(24, 8), startdate DATE, note TEXT,
        deleted_at DATETIME NULL, refid BIGINT NOT NULL, UNIQUE KEY by_name (name, tenant),
        UNIQUE KEY by_refid (refid)) ENGINE=InnoDB""",
    "sqlite": """CREATE TABLE widgets (id INTEGER PRIMARY KEY, tenant INT NOT NULL DEFAULT 7,
        name VARCHAR(200) NOT NULL DEFAULT 'nameless', amount TEXT, startdate DATE, note TEXT,
        deleted_at DATETIME NULL, refid BIGINT NOT NULL, UNIQUE (name, tenant), UNIQUE (refid))""",
}


def adopted_batch(rows: list[Any], **parts: Any) -> Any:
    return batch_of(rows, record_type=THEIRS, **parts)


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def importer(engine: sa.Engine) -> Importer:
    with engine.begin() as connection:
        connection.exec_driver_sql(FRAMEWORK[engine.dialect.name])
        connection.exec_driver_sql("INSERT INTO widgets (id, refid, name, note) VALUES (41, 1, 'old', 'mine')")
        connection.exec_driver_sql("INSERT INTO widgets (id, refid, name, note) VALUES (50, 900, 'by hand', 'keep')")
    return importer_on(engine)


def importer_on(engine: sa.Engine) -> Importer:
    metadata = import_tables(target_metadata([THEIRS]))
    ensure_tables(engine, metadata)
    loader = BatchLoader(engine, metadata, delete_guard_percent=50, reject_guard_percent=50, sleep=lambda seconds: None)
    return Importer(engine, metadata, loader)


def theirs(importer: Importer, columns: str = "refid, name, tenant, note") -> list[tuple[Any, ...]]:
    with importer.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT {columns} FROM widgets ORDER BY refid").all()
    return [tuple(entry) for entry in found]


def load_twice(importer: Importer, batch: Any) -> Any:
    first = importer.loader.load(batch, job_id="job", run_id="run")
    before = theirs(importer, "*")
    second = importer.loader.load(batch, job_id="job", run_id="run")
    assert (second.written, theirs(importer, "*")) == (0, before)
    return first


def test_rows_are_added_and_those_that_were_there_are_updated(importer: Importer) -> None:
    ledger = load_twice(importer, adopted_batch(widgets([1, 2, 3])))
    assert (ledger.inserted, ledger.updated, ledger.unchanged) == (2, 1, 0)
    assert theirs(importer) == [
        (1, "widget 1", 7, "mine"),
        (2, "widget 2", 7, None),
        (3, "widget 3", 7, None),
        (900, "by hand", 7, "keep"),
    ]
    assert type_totals(importer.engine, THEIRS).live == 3


def test_its_own_numbers_stay_and_none_is_used_up(importer: Importer) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2])))
    load_twice(importer, adopted_batch([*widgets([1], name="renamed"), *widgets([2])]))
    load_twice(importer, adopted_batch([*widgets([1], name=None), *widgets([2, 3])]))
    assert theirs(importer, "id, refid")[:3] == [(41, 1), (51, 2), (52, 3)]


def test_a_second_unique_key_never_lets_one_row_overwrite_another(importer: Importer) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2])))
    before = theirs(importer, "*")
    # The index over the name is looked at before the one over refid.
    ledger = load_twice(importer, adopted_batch([row(WIDGET, 1, name="widget 2"), *widgets([2])]))
    assert (ledger.updated, ledger.rejected) == (0, 1)
    ledger = load_twice(importer, adopted_batch([*widgets([1, 2]), row(WIDGET, 3, name="widget 2")]))
    assert (ledger.inserted, ledger.rejected) == (0, 1)
    assert theirs(importer, "*") == before
    assert {reject["reason"] for reject in importer.rows_of("import_rejects")} == {"duplicate_value"}


def test_rows_that_are_gone_are_flagged_for_their_owner_and_nobody_elses_are(importer: Importer) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2, 3])))
    ledger = load_twice(importer, adopted_batch(widgets([1, 3])))
    assert ledger.deleted == 1
    flagged = [refid for refid, deleted_at in theirs(importer, "refid, deleted_at") if deleted_at]
    assert flagged == [2]
    load_twice(importer, adopted_batch(widgets([1, 2, 3])))
    assert [entry for entry in theirs(importer, "deleted_at") if entry[0]] == []


def test_a_null_becomes_the_columns_default_and_a_record_says_so(importer: Importer) -> None:
    ledger = load_twice(importer, adopted_batch([row(WIDGET, 1, name=None), *widgets([2])]))
    assert (ledger.updated, ledger.inserted, ledger.rejected) == (1, 1, 0)
    assert theirs(importer, "refid, name")[0] == (1, "nameless")
    (repair,) = importer.rows_of("value_repairs")
    assert (repair["row_key"], repair["column_name"], repair["repair"]) == ("1", "name", "default_for_null")
    assert (repair["original"], "nameless" in repair["stored"]) == (None, True)
    load_twice(importer, adopted_batch(widgets([1, 2])))
    assert importer.rows_of("value_repairs") == []


def test_what_it_has_no_column_for_is_known(importer: Importer) -> None:
    missing = {"external_id", "group", "order", "class_id", "isinactive", "lastmodifieddate"}
    assert set(lacking_columns(importer.engine, THEIRS)) == missing
    assert lacking_columns(importer.engine, WIDGET) == ()


def test_a_column_that_its_owner_adds_is_filled(importer: Importer, engine: sa.Engine) -> None:
    before = edition_for(engine, THEIRS)
    importer.run(f"ALTER TABLE widgets ADD {importer.quoted('order')} BIGINT")
    assert edition_for(engine, THEIRS) != before


def test_what_its_owner_changes_meanwhile_is_not_overwritten(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2])))
    locked = AdoptedTableWriter._locked
    meanwhile = ["DELETE FROM widgets WHERE refid = 1", "UPDATE widgets SET name = 'renamed' WHERE refid = 900"]

    def late(writer: Any, connection: sa.Connection, rows: Any) -> Any:
        while meanwhile:
            # By the same connection, because another one would wait on SQLite.
            connection.exec_driver_sql(meanwhile.pop())
        return locked(writer, connection, rows)

    monkeypatch.setattr(AdoptedTableWriter, "_locked", late)
    changed = adopted_batch([*widgets([1], name="renamed"), *widgets([2])])
    ledger = importer.loader.load(changed, job_id=None, run_id=None)
    assert (ledger.updated, ledger.retries) == (1, 1)
    assert theirs(importer, "refid, name") == [(1, "renamed"), (2, "widget 2"), (900, "by hand")]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE widgets (ID INTEGER PRIMARY KEY, REFID BIGINT UNIQUE, Name VARCHAR(200))",
        "CREATE TABLE widgets (id INTEGER PRIMARY KEY, refid INTEGER UNIQUE, name VARCHAR(200))",
    ],
)
def test_neither_the_case_of_names_nor_keys_that_may_be_null_matter(engine: sa.Engine, table: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(table.replace("PRIMARY KEY", numbered(engine)))
        connection.exec_driver_sql("INSERT INTO widgets (id, refid, name) VALUES (1, NULL, 'theirs'), (2, -5, 'old')")
    importer = importer_on(engine)
    ledger = load_twice(importer, adopted_batch(widgets([-5, 0, 3]), first=-10))
    assert (ledger.inserted, ledger.updated) == (2, 1)
    assert theirs(importer, "refid, name")[1:] == [(-5, "widget -5"), (0, "widget 0"), (3, "widget 3")]


def numbered(engine: sa.Engine) -> str:
    return "PRIMARY KEY" if engine.dialect.name == "sqlite" else "AUTO_INCREMENT PRIMARY KEY"


def test_a_record_with_the_id_0_keeps_it_in_a_table_that_numbers_itself(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE widgets (refid BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(200))")
    importer = importer_on(engine)
    load_twice(importer, adopted_batch(widgets([0, 1]), first=0))
    assert theirs(importer, "refid") == [(0,), (1,)]
    engine.dispose()


def test_neither_imports_nor_upgrades_change_the_table(importer: Importer) -> None:
    with importer.engine.connect() as connection:
        found = differences(connection, importer.metadata)
        columns = [column["name"] for column in sa.inspect(connection).get_columns("widgets")]
    assert found == ()
    assert columns == ["id", "tenant", "name", "amount", "startdate", "note", "deleted_at", "refid"]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            "CREATE TABLE widgets (id CHAR(36) PRIMARY KEY, refid BIGINT NOT NULL UNIQUE)",
            "primary key id: only a whole",
        ),
        ("CREATE TABLE widgets (name VARCHAR(9) PRIMARY KEY, refid BIGINT NOT NULL UNIQUE)", "primary key name: only"),
        ("CREATE TABLE widgets (refid DECIMAL(18, 2) NOT NULL PRIMARY KEY)", "refid as .*can change"),
        (None, "does not exist: create it"),
        ("CREATE TABLE widgets (id INTEGER PRIMARY KEY, refid BIGINT)", "no unique key over .refid., by which"),
        ("CREATE TABLE widgets (refid BIGINT NOT NULL PRIMARY KEY, amount DOUBLE)", "can change values in silence"),
        (
            "CREATE TABLE widgets (refid BIGINT NOT NULL PRIMARY KEY, tenant INT NOT NULL)",
            "tenant, which must not be NULL, has no default",
        ),
    ],
)
def test_a_table_that_cannot_be_imported_into_is_refused_at_the_start(
    engine: sa.Engine, table: str | None, sentence: str
) -> None:
    if table:
        with engine.begin() as connection:
            connection.exec_driver_sql(table)
    with pytest.raises(SchemaError, match=sentence):
        importer_on(engine)


def test_a_timestamp_is_refused_because_it_is_shown_in_the_zone_of_whoever_looks(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE widgets (refid BIGINT NOT NULL PRIMARY KEY, startdate TIMESTAMP NULL)")
    with pytest.raises(SchemaError, match="startdate as TIMESTAMP"):
        importer_on(engine)
    engine.dispose()


def test_only_tables_that_a_record_type_fills_can_be_adopted() -> None:
    adopted = adopting(CATALOG, ["items"])
    assert {record_type.table for record_type in adopted if record_type.adopted} == {"items"}
    # An import that is planned with them is none for a daemon that does not know of it.
    assert adopted.digest != CATALOG.digest
    with pytest.raises(CatalogError, match=r"ADOPT_TABLES names 'item', which no record type fills; .*items"):
        adopting(CATALOG, ["item"])


def test_a_frame_has_the_columns_that_the_table_has_and_nobody_elses_rows(importer: Importer) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2, 3])))
    load_twice(importer, adopted_batch(widgets([1, 3])))
    frame = read_frame(importer.engine, THEIRS, [BatchRange(1, 1000)])
    assert list(frame.columns) == ["refid", "name", "amount", "startdate"]
    assert list(frame["refid"]) == [1, 3]


def test_rows_that_netsuite_no_longer_has_are_removed_if_that_is_wanted(importer: Importer) -> None:
    load_twice(importer, adopted_batch(widgets([1, 2, 3])))
    importer.loader = BatchLoader(
        importer.engine, importer.metadata, delete_guard_percent=50, reject_guard_percent=50, remove_deleted=True
    )
    assert load_twice(importer, adopted_batch(widgets([1, 3]))).deleted == 1
    # What no import has written is nobody's business.
    assert [refid for refid, *_ in theirs(importer)] == [1, 3, 900]
    with importer.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT refid FROM widgets_import_state ORDER BY refid").all()
    assert [refid for (refid,) in kept] == [1, 3]
