"""Exactly what differs from the declarations is found, and who can settle it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.difference import Verdict
from netsuite_pipeline.warehouse.migration.upgrade import Finding, check
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline_tests.warehouse.migration_samples import Edit, create, declared

SAFE, WIDENS, WIDER, PERSON = Verdict.SAFE, Verdict.WIDENS, Verdict.WIDER, Verdict.PERSON

# What was planted, where it is, who can settle it, and a word of the DDL that does.
EVERYWHERE = [
    ([("name VARCHAR(200)", "name VARCHAR(50)")], "name", WIDENS, "VARCHAR(200)"),
    ([("name VARCHAR(200)", "name VARCHAR(400)")], "name", WIDER, ""),
    ([("name VARCHAR(200)", "name CHAR(200)")], "name", PERSON, "VARCHAR(200)"),
    ([("class_id BIGINT", "class_id INTEGER")], "class_id", WIDENS, "BIGINT"),
    ([("class_id BIGINT", "class_id SMALLINT")], "class_id", WIDENS, "BIGINT"),
    ([("class_id BIGINT, \n\t", "")], "class_id", SAFE, "ADD COLUMN class_id BIGINT"),
    ([("row_hash", "old_hash")], "row_hash", PERSON, "ADD COLUMN row_hash"),
    ([("startdate DATE,", "startdate VARCHAR(20),")], "startdate", PERSON, "DATE"),
    ([("startdate DATE,", "startdate DATETIME,")], "startdate", WIDER, ""),
    ([("lastmodifieddate DATETIME", "lastmodifieddate DATE")], "lastmodifieddate", WIDENS, "DATETIME"),
    ([("record_type VARCHAR(64) NOT NULL", "record_type VARCHAR(64)")], "record_type", PERSON, "NOT NULL"),
    ([("name VARCHAR(200)", "name VARCHAR(200) NOT NULL")], "name", PERSON, "VARCHAR(200)"),
    ([("PRIMARY KEY (refid)", "PRIMARY KEY (refid, record_type)")], "primary key", PERSON, "ALTER TABLE widgets"),
    ([(", \n\tPRIMARY KEY (refid)", "")], "primary key", PERSON, "ALTER TABLE widgets"),
]
ON_SQLITE = [
    ([('"group" TEXT', '"group" VARCHAR(100)')], "group", WIDENS, "TEXT"),
    ([("amount TEXT", "amount REAL")], "amount", PERSON, "TEXT"),
    ([("row_hash BLOB", "row_hash VARCHAR(16)")], "row_hash", PERSON, "BLOB"),
]
ON_MARIADB = [
    ([("`group` LONGTEXT", "`group` VARCHAR(100)")], "group", WIDENS, "MODIFY `group` LONGTEXT"),
    ([("`group` LONGTEXT", "`group` TEXT")], "group", WIDENS, "MODIFY `group` LONGTEXT"),
    ([("name VARCHAR(200)", "name TEXT")], "name", WIDER, ""),
    ([("name VARCHAR(200)", "name ENUM('a')")], "name", PERSON, "MODIFY name VARCHAR(200)"),
    ([("amount NUMERIC(24, 8)", "amount NUMERIC(10, 2)")], "amount", WIDENS, "MODIFY amount NUMERIC(24, 8)"),
    ([("amount NUMERIC(24, 8)", "amount NUMERIC(24, 4)")], "amount", PERSON, "MODIFY amount NUMERIC(24, 8)"),
    ([("amount NUMERIC(24, 8)", "amount INT")], "amount", WIDENS, "MODIFY amount NUMERIC(24, 8)"),
    ([("amount NUMERIC(24, 8)", "amount DOUBLE")], "amount", PERSON, "MODIFY amount NUMERIC(24, 8)"),
    ([("class_id BIGINT", "class_id INT UNSIGNED")], "class_id", WIDENS, "MODIFY class_id BIGINT"),
    ([("class_id BIGINT", "class_id BIGINT UNSIGNED")], "class_id", PERSON, "MODIFY class_id BIGINT"),
    ([("class_id BIGINT", "class_id DECIMAL(30)")], "class_id", WIDER, ""),
    ([("imported_at DATETIME(6)", "imported_at DATETIME(3)")], "imported_at", WIDENS, "DATETIME(6) NOT NULL"),
    ([("lastmodifieddate DATETIME", "lastmodifieddate DATETIME(6)")], "lastmodifieddate", WIDER, ""),
    ([("lastmodifieddate DATETIME", "lastmodifieddate TIMESTAMP NULL")], "lastmodifieddate", PERSON, "DATETIME"),
    ([("row_hash BINARY(16)", "row_hash VARBINARY(16)")], "row_hash", WIDER, ""),
    ([("row_hash BINARY(16)", "row_hash BINARY(20)")], "row_hash", PERSON, "BINARY(16) NOT NULL"),
    ([("isinactive BOOL", "isinactive INT")], "isinactive", WIDER, ""),
]


def found(engine: sa.Engine) -> list[tuple[str, str, Verdict]]:
    differences = [finding.difference for finding in check(engine, declared())]
    return [(difference.table, difference.item, difference.verdict) for difference in differences]


def assert_only(findings: Sequence[Finding], item: str, verdict: Verdict, word: str) -> None:
    (finding,) = findings
    assert (finding.difference.item, finding.difference.verdict) == (item, verdict)
    assert bool(finding.difference.reason) is (verdict is PERSON)
    assert word in "\n".join(finding.statements)
    assert bool(finding.statements) is (verdict is not WIDER)


def test_what_imports_create_is_as_declared(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    metadata = warehouse_metadata(CATALOG)
    ensure_tables(engine, metadata)
    assert check(engine, metadata) == ()
    engine.dispose()


@pytest.mark.parametrize(("edits", "item", "verdict", "word"), EVERYWHERE)
def test_a_planted_difference_is_the_only_one(
    warehouse_url: str, edits: list[Edit], item: str, verdict: Verdict, word: str
) -> None:
    engine = connect(warehouse_url)
    create(engine, edits)
    assert_only(check(engine, declared()), item, verdict, word)
    engine.dispose()


@pytest.mark.parametrize(("edits", "item", "verdict", "word"), ON_SQLITE)
def test_a_planted_difference_on_sqlite_is_the_only_one(
    tmp_path: Path, edits: list[Edit], item: str, verdict: Verdict, word: str
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, edits)
    assert_only(check(engine, declared()), item, verdict, word)
    engine.dispose()


@pytest.mark.parametrize(("edits", "item", "verdict", "word"), ON_MARIADB)
def test_a_planted_difference_on_mariadb_is_the_only_one(
    mariadb_url: str, edits: list[Edit], item: str, verdict: Verdict, word: str
) -> None:
    engine = connect(mariadb_url)
    create(engine, edits)
    assert_only(check(engine, declared()), item, verdict, word)
    engine.dispose()


def test_a_table_that_cannot_roll_back_needs_a_person(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(engine, [("ENGINE=InnoDB", "ENGINE=Aria")])
    (finding,) = check(engine, declared())
    assert (finding.difference.found, finding.difference.verdict) == ("Aria", PERSON)
    assert finding.statements == ("ALTER TABLE widgets ENGINE=InnoDB",)
    engine.dispose()


def test_a_collation_that_compares_otherwise_needs_a_person(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(
        engine,
        [("run_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin", "run_id VARCHAR(64)")],
        table="wave_batches",
    )
    assert_only(check(engine, declared()), "run_id", PERSON, "ascii_bin")
    engine.dispose()


def test_missing_tables_and_indexes_are_safe(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, without={"widgets", "batch_ledger", "import_rejects_job"})
    assert sorted(found(engine)) == [
        ("batch_ledger", "", SAFE),
        ("import_rejects", "import_rejects_job", SAFE),
        ("widgets", "", SAFE),
    ]
    text = "\n".join(check(engine, declared())[0].statements)
    assert "CREATE TABLE batch_ledger" in text
    assert "CREATE INDEX batch_ledger_job ON batch_ledger (job_id)" in text
    engine.dispose()


def test_an_index_of_the_same_name_on_other_columns_needs_a_person(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, without={"import_rejects_job"})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX import_rejects_job ON import_rejects (run_id)")
    assert found(engine) == [("import_rejects", "import_rejects_job", PERSON)]
    engine.dispose()


def test_a_missing_unique_key_needs_a_person(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    key = ", \n\tCONSTRAINT import_rejects_row UNIQUE (record_type, row_key)"
    create(engine, [(key, "")], table="import_rejects")
    assert_only(check(engine, declared()), "import_rejects_row", PERSON, "UNIQUE (record_type, row_key)")
    engine.dispose()


def test_a_condition_that_allows_other_values_needs_a_person(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, [("'failed', ", "")], table="wave_batches")
    assert_only(check(engine, declared()), "ck_wave_batches_status", PERSON, "'failed'")
    engine.dispose()


def test_what_people_added_is_no_difference(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, [("name VARCHAR(200)", "name VARCHAR(200) DEFAULT 'x', mine VARCHAR(5) NOT NULL DEFAULT 'y'")])
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE INDEX my_index ON widgets (mine, refid)")
        connection.exec_driver_sql("CREATE UNIQUE INDEX my_key ON widgets (refid, mine)")
    assert found(engine) == []
    engine.dispose()


def test_a_column_in_other_case_is_the_same_column(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, [("startdate DATE", "StartDate DATE")])
    assert found(engine) == []
    engine.dispose()


def test_comparing_writes_nothing(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50)")], without={"batch_ledger"})
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    assert len(check(engine, declared())) == 2
    assert not [text for text in sent if not text.lstrip().startswith(("SELECT", "SHOW", "PRAGMA", "BEGIN"))]
    engine.dispose()


def test_what_a_copy_by_sqlite_would_lose_needs_a_person(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50), mine VARCHAR(5) COLLATE NOCASE")])
    (finding,) = check(engine, declared())
    assert finding.difference.verdict is PERSON
    assert "COLLATE" in finding.difference.reason
    engine.dispose()


def test_an_index_that_takes_no_long_text_needs_a_person(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(engine, [("`group` LONGTEXT", "`group` VARCHAR(100)")])
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX my_index ON widgets (`group`)")
    (finding,) = check(engine, declared())
    assert finding.difference.verdict is PERSON
    assert "index my_index covers it" in finding.difference.reason
    engine.dispose()
