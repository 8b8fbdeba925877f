"""Upgrades and downgrades with data in the tables: there and back again, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.migration.changes_table import SCHEMA_CHANGES
from netsuite_pipeline.warehouse.migration.downgrade import downgrade
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.upgrade import check, planned, upgrade
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline_tests.warehouse.migration_samples import (
    Edit,
    create,
    data,
    declared,
    insert_widgets,
    schema,
    set_widget,
)

# Everything that an upgrade may do, at once.
OLD: dict[str, list[Edit]] = {
    "sqlite": [
        ("name VARCHAR(200)", "name VARCHAR(50)"),
        ('"group" TEXT', '"group" VARCHAR(100)'),
        ('"order" BIGINT', '"order" INTEGER'),
        ("class_id BIGINT, \n\t", ""),
        ("startdate DATE, \n\t", ""),
    ],
    "mysql": [
        ("name VARCHAR(200)", "name VARCHAR(50) COMMENT 'theirs' DEFAULT 'x'"),
        ("`group` LONGTEXT", "`group` VARCHAR(100) CHARACTER SET latin1"),
        ("`order` BIGINT", "`order` INT UNSIGNED"),
        ("amount NUMERIC(24, 8)", "amount NUMERIC(10, 2)"),
        ("imported_at DATETIME(6)", "imported_at DATETIME(3)"),
        ("class_id BIGINT, \n\t", ""),
        ("startdate DATE, \n\t", ""),
    ],
}
MISSING = {"batch_ledger", "import_rejects_job", "import_rejects_open", SCHEMA_CHANGES}
ROW = {"group": "plain", "order": 4_000_000_000, "amount": "1234.56"}
EXAMPLE = Path(__file__).parents[2] / "docs" / "record_types.example.yaml"
silent = [].append


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = connect(warehouse_url)
    yield engine
    engine.dispose()


@pytest.fixture
def old(engine: sa.Engine) -> sa.Engine:
    """A warehouse of an older declaration, with rows in it and people's own additions."""
    create(engine, OLD[engine.dialect.name], without=MISSING)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE widgets ADD COLUMN mine VARCHAR(20) DEFAULT 'y'")
        connection.exec_driver_sql("CREATE INDEX my_index ON widgets (mine, name)")
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER PRIMARY KEY, refid BIGINT)")
        connection.exec_driver_sql("INSERT INTO theirs VALUES (1, 2)")
        connection.exec_driver_sql("CREATE VIEW my_view AS SELECT refid, mine FROM widgets")
    insert_widgets(engine, **ROW)
    return engine


def test_an_upgrade_and_its_downgrade_give_back_schema_and_data(old: sa.Engine) -> None:
    before = schema(old), data(old)
    done: list[str] = []
    outcome = upgrade(old, declared(), widen=True, report=done.append)
    assert len(outcome.done) == len(done)
    assert outcome.left == ()
    assert check(old, declared()) == ()
    ensure_tables(old, declared())
    with old.connect() as connection:
        rows = connection.execute(sa.select(declared().tables["widgets"]).order_by(sa.text("refid"))).mappings().all()
        assert connection.exec_driver_sql("SELECT mine FROM my_view").scalars().all() == ["y"] * 3
    assert [row["refid"] for row in rows] == [0, 1, 2]
    assert all(str(row["amount"]).rstrip("0") == "1234.56" and row["class_id"] is None for row in rows)
    assert {index["name"] for index in sa.inspect(old).get_indexes("widgets")} >= {"my_index"}

    assert downgrade(old, yes=False, report=done.append).number == 1
    assert (schema(old), data(old)) == before
    assert downgrade(old, yes=False, report=done.append).number is None


def test_without_being_asked_nothing_is_widened(old: sa.Engine) -> None:
    outcome = upgrade(old, declared(), widen=False, report=silent)
    left = {difference.item for difference in outcome.left}
    assert left >= {"name", "group", "order"}
    assert {finding.difference.item for finding in check(old, declared())} == left


def test_the_words_around_a_type_stay_when_it_is_widened(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(engine, OLD["mysql"], without=MISSING)
    upgrade(engine, declared(), widen=True, report=silent)
    with engine.connect() as connection:
        text = connection.exec_driver_sql("SHOW CREATE TABLE widgets").one()[1]
    assert "`name` varchar(200) DEFAULT 'x' COMMENT 'theirs'" in text
    assert "`group` longtext CHARACTER SET latin1" in text
    assert "`imported_at` datetime(6) NOT NULL" in text
    engine.dispose()


def test_a_dry_run_changes_nothing(old: sa.Engine) -> None:
    before = schema(old), data(old), sa.inspect(old).get_table_names()
    findings = planned(old, declared(), widen=True)
    assert any("ADD COLUMN class_id" in text for finding in findings for text in finding.statements)
    assert (schema(old), data(old), sa.inspect(old).get_table_names()) == before


@pytest.mark.parametrize(
    "edit",
    [
        ("name VARCHAR(200)", "name CHAR(200)"),
        ("startdate DATE,", "startdate VARCHAR(20),"),
        ("row_hash", "old_hash"),
        ("PRIMARY KEY (refid)", "PRIMARY KEY (refid, record_type)"),
        ("record_type VARCHAR(64) NOT NULL", "record_type VARCHAR(64)"),
    ],
)
def test_a_change_that_needs_a_person_leaves_everything_as_it_is(engine: sa.Engine, edit: Edit) -> None:
    create(engine, [edit, ("class_id BIGINT, \n\t", "")], without=MISSING)
    hash_column = "old_hash" if edit[1] == "old_hash" else "row_hash"
    with engine.begin() as connection:
        names = f"refid, record_type, {hash_column}, imported_at"
        connection.exec_driver_sql(f"INSERT INTO widgets ({names}) VALUES (7, 'widget', '', '2026-01-01 00:00:00')")
    before = schema(engine), data(engine), sa.inspect(engine).get_table_names()
    with pytest.raises(
        ChangeRefused, match=r"Nothing was changed in .* needs a person: found .*; .*db check"
    ) as caught:
        upgrade(engine, declared(), widen=True, report=silent)
    assert (engine.url.password or "no password") not in str(caught.value)
    with pytest.raises(ChangeRefused):
        planned(engine, declared(), widen=True)
    assert (schema(engine), data(engine), sa.inspect(engine).get_table_names()) == before


def test_only_the_last_upgrade_is_undone(old: sa.Engine) -> None:
    upgrade(old, declared(), widen=False, report=silent)
    between = schema(old), data(old)
    upgrade(old, declared(), widen=True, report=silent)
    assert downgrade(old, yes=False, report=silent).number == 2
    assert (schema(old), data(old)) == between
    assert downgrade(old, yes=False, report=silent).number == 1


def test_an_upgrade_after_a_downgrade_does_it_again(old: sa.Engine) -> None:
    before = schema(old), data(old)
    for _ in range(2):
        upgrade(old, declared(), widen=True, report=silent)
        assert check(old, declared()) == ()
        downgrade(old, yes=False, report=silent)
        assert (schema(old), data(old)) == before


def test_columns_and_tables_with_data_are_dropped_only_on_request(old: sa.Engine) -> None:
    before = schema(old), data(old)
    upgrade(old, declared(), widen=False, report=silent)
    with old.begin() as connection:
        connection.exec_driver_sql("UPDATE widgets SET class_id = 5 WHERE refid < 2")
        ledger = declared().tables["batch_ledger"]
        values = {column.name: 0 for column in ledger.columns if not column.nullable and column.name != "id"}
        moment = {"committed_at": sa.func.current_timestamp(), "record_type": "widget", "batch_key": "1..2"}
        connection.execute(sa.insert(ledger).values({**values, **moment}))
    filled = schema(old), data(old)
    with pytest.raises(ChangeRefused, match="drop data: ") as caught:
        downgrade(old, yes=False, report=silent)
    assert "column widgets.class_id (2 rows)" in str(caught.value)
    assert "table batch_ledger (1 rows)" in str(caught.value)
    assert (schema(old), data(old)) == filled
    downgrade(old, yes=True, report=silent)
    assert (schema(old), data(old)) == before


@pytest.mark.parametrize(
    ("column", "value", "narrow"),
    [("name", "x" * 51, "VARCHAR(50)"), ("group", "x" * 101, "VARCHAR(100)")],
)
def test_nothing_is_narrowed_that_no_longer_fits(old: sa.Engine, column: str, value: object, narrow: str) -> None:
    upgrade(old, declared(), widen=True, report=silent)
    set_widget(old, column, value)
    filled = schema(old), data(old)
    with pytest.raises(ChangeRefused, match=rf"column widgets.{column} has 1 rows whose values do not fit") as caught:
        downgrade(old, yes=True, report=silent)
    assert narrow in str(caught.value)
    assert (schema(old), data(old)) == filled


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", "1.005"),
        ("amount", "123456789"),
        ("imported_at", "2026-01-01 00:00:00.123456"),
        ("order", 2**32),
        ("order", -1),
    ],
)
def test_no_number_or_moment_is_rounded_or_clamped(mariadb_url: str, column: str, value: object) -> None:
    engine = connect(mariadb_url)
    create(engine, OLD["mysql"], without=MISSING)
    insert_widgets(engine, **ROW)
    upgrade(engine, declared(), widen=True, report=silent)
    set_widget(engine, column, value)
    with pytest.raises(ChangeRefused, match=f"column widgets.{column} has 1 rows"):
        downgrade(engine, yes=True, report=silent)
    engine.dispose()


def test_an_index_of_people_on_an_added_column_stops_the_downgrade(old: sa.Engine) -> None:
    upgrade(old, declared(), widen=False, report=silent)
    with old.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX late_index ON widgets (refid, class_id)")
    before = schema(old)
    with pytest.raises(ChangeRefused, match=r"index late_index uses the column widgets\.class_id"):
        downgrade(old, yes=True, report=silent)
    assert schema(old) == before


def test_a_table_in_which_people_have_a_column_is_not_dropped(old: sa.Engine) -> None:
    upgrade(old, declared(), widen=False, report=silent)
    with old.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE batch_ledger ADD COLUMN mine INTEGER")
    with pytest.raises(ChangeRefused, match=r"table batch_ledger has columns of yours \(mine\)"):
        downgrade(old, yes=True, report=silent)


def test_a_column_that_someone_changed_since_is_left_to_them(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50)")])
    upgrade(engine, declared(), widen=True, report=silent)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE widgets MODIFY name VARCHAR(300)")
    with pytest.raises(ChangeRefused, match=r"column widgets.name is VARCHAR\(300\) and the upgrade made it"):
        downgrade(engine, yes=True, report=silent)
    engine.dispose()


def test_an_empty_database_gets_every_table(engine: sa.Engine) -> None:
    upgrade(engine, declared(), widen=False, report=silent)
    assert check(engine, declared()) == ()
    assert set(sa.inspect(engine).get_table_names()) == set(declared().tables)
    downgrade(engine, yes=False, report=silent)
    assert sa.inspect(engine).get_table_names() == [SCHEMA_CHANGES]


def test_a_database_without_a_record_has_nothing_to_undo(engine: sa.Engine) -> None:
    create(engine, without={SCHEMA_CHANGES})
    assert downgrade(engine, yes=True, report=silent).number is None


def test_a_file_of_custom_columns_and_types_is_migrated_there_and_back(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_tables(engine, warehouse_metadata(CATALOG))
    insert_customer = sa.insert(warehouse_metadata(CATALOG).tables["customers"])
    with engine.begin() as connection:
        bookkeeping = {"record_type": "customer", "row_hash": b"\0" * 16, "imported_at": utc_now()}
        connection.execute(insert_customer.values(refid=7, **bookkeeping))
    before = schema(engine), data(engine)
    monkeypatch.setenv("RECORD_TYPES_FILE", str(EXAMPLE))
    custom = warehouse_metadata(load_catalog(Settings.load()))
    outcome = upgrade(engine, custom, widen=False, report=silent)
    assert outcome.done
    assert check(engine, custom) == ()
    downgrade(engine, yes=False, report=silent)
    assert (schema(engine), data(engine)) == before


def test_a_trigger_and_a_partial_index_survive_the_copy_by_sqlite(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, [("name VARCHAR(200)", "name VARCHAR(50)")])
    texts = [
        "CREATE INDEX my_partial ON widgets (name) WHERE refid > 5",
        "CREATE INDEX my_expression ON widgets (lower(name))",
        "CREATE TABLE theirs (widget BIGINT REFERENCES widgets (refid) ON DELETE CASCADE)",
        "CREATE TRIGGER my_trigger AFTER UPDATE ON widgets BEGIN DELETE FROM theirs WHERE widget = -1; END",
    ]
    with engine.begin() as connection:
        for text in texts:
            connection.exec_driver_sql(text)
    insert_widgets(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO theirs VALUES (0), (1)")
    upgrade(engine, declared(), widen=True, report=silent)
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT sql FROM sqlite_master").scalars().all()
        assert set(texts) <= set(kept)
        assert connection.exec_driver_sql("SELECT count(*) FROM theirs").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engine.dispose()


def test_sqlite_copies_values_of_other_types_as_they_are(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    create(engine, OLD["sqlite"])
    insert_widgets(engine, order="no number", name=b"\xff\x00", group="nul \x00 inside")
    before = data(engine)["widgets"]
    upgrade(engine, declared(), widen=True, report=silent)
    downgrade(engine, yes=False, report=silent)
    assert data(engine)["widgets"] == before
    engine.dispose()
