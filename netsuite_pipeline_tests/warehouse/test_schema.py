"""Tables are created once, by whoever comes first, and an old table is never taken for a good one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import RecordType, Source, text
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import SchemaError
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import import_tables, target_metadata
from netsuite_pipeline_tests.warehouse.samples import WIDGET


def everything() -> sa.MetaData:
    return import_tables(target_metadata(CATALOG))


def test_the_whole_catalog_is_created_and_then_left_alone(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    ensure_tables(engine, everything())
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    ensure_tables(engine, everything())
    assert not [statement for statement in sent if statement.lstrip().startswith(("CREATE", "ALTER"))]
    assert set(sa.inspect(engine).get_table_names()) == set(everything().tables)
    engine.dispose()


def test_several_processes_may_create_the_tables_at_once(warehouse_url: str) -> None:
    engines = [connect(warehouse_url) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(lambda engine: ensure_tables(engine, everything()), engines))
    for engine in engines:
        engine.dispose()


def test_missing_columns_are_named_with_the_command_that_adds_them(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    old = RecordType(name="a", id=-1, table="things", source=Source(table="a"), fields=(text("name", 10),))
    new = RecordType(
        name="a",
        id=-1,
        table="things",
        source=Source(table="a"),
        fields=(text("name", 10), text("colour", 20), text("group", None)),
    )
    ensure_tables(engine, target_metadata([old]))
    with pytest.raises(
        SchemaError, match=r"Table things of .* lacks the columns 'colour', 'group': run `netsuite-pipeline db upgrade`"
    ) as caught:
        ensure_tables(engine, target_metadata([new]))
    assert (engine.url.password or "no password") not in str(caught.value)
    engine.dispose()


def test_an_index_that_a_killed_process_did_not_create_is_added(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    ensure_tables(engine, everything())
    index = next(iter(everything().tables["batch_ledger"].indexes))
    with engine.begin() as connection:
        index.drop(connection)
    ensure_tables(engine, everything())
    assert index.name in {entry["name"] for entry in sa.inspect(engine).get_indexes("batch_ledger")}
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("amount", "DOUBLE"),
        ("amount", "VARCHAR(40)"),
        ("name", "CHAR(200)"),
        ("name", "ENUM('a', 'b')"),
        ("order", "DOUBLE"),
        ("lastmodifieddate", "DATE"),
        ("lastmodifieddate", "TIMESTAMP NULL"),
        ("imported_at", "DATETIME NOT NULL"),
        ("row_hash", "VARCHAR(16)"),
        ("row_hash", "BINARY(20)"),
        ("lastmodifieddate", "VARCHAR(40)"),
    ],
)
def test_a_column_that_would_change_values_in_silence_is_named(mariadb_url: str, name: str, other: str) -> None:
    engine = connect(mariadb_url)
    metadata = target_metadata([WIDGET])
    ensure_tables(engine, metadata)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE widgets MODIFY `{name}` {other}")
    with pytest.raises(SchemaError, match=f"Column {name} of table widgets of .* can change values in silence"):
        ensure_tables(engine, metadata)
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "MODIFY name VARCHAR(400)",
        "MODIFY name LONGTEXT",
        "MODIFY amount DECIMAL(30, 8)",
        "MODIFY class_id DECIMAL(30, 0)",
        "MODIFY startdate DATETIME",
        "MODIFY lastmodifieddate DATETIME(6)",
        "ADD COLUMN more INT",
    ],
)
def test_a_column_that_holds_more_is_taken_as_it_is(mariadb_url: str, change: str) -> None:
    engine = connect(mariadb_url)
    metadata = target_metadata([WIDGET])
    ensure_tables(engine, metadata)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE widgets {change}")
    ensure_tables(engine, metadata)
    engine.dispose()


def test_a_decimal_column_of_sqlite_has_to_be_text(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'warehouse.db'}")
    metadata = target_metadata([WIDGET])
    other = sa.MetaData()
    table = metadata.tables["widgets"].to_metadata(other)
    table.c.amount.type = sa.REAL()
    other.create_all(engine)
    with pytest.raises(SchemaError, match="Column amount of table widgets"):
        ensure_tables(engine, metadata)
    engine.dispose()


def test_a_table_that_cannot_roll_back_is_not_imported_into(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    metadata = target_metadata([WIDGET])
    ensure_tables(engine, metadata)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE widgets ENGINE=MyISAM")
    with pytest.raises(SchemaError, match=r"widgets of .* is stored by MyISAM, .*: run ALTER TABLE widgets ENGINE=Inn"):
        ensure_tables(engine, metadata)
    engine.dispose()


def test_a_view_is_not_imported_into(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    metadata = target_metadata([WIDGET])
    ensure_tables(engine, metadata)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE widgets RENAME TO theirs")
        connection.exec_driver_sql("CREATE VIEW widgets AS SELECT * FROM theirs")
    with pytest.raises(SchemaError, match=r"A view of .* has the name of the table widgets: drop it"):
        ensure_tables(engine, metadata)
    engine.dispose()


def test_a_table_with_another_primary_key_is_not_imported_into(warehouse_url: str) -> None:
    engine = connect(warehouse_url)
    metadata = target_metadata([WIDGET])
    columns = [sa.Column(column.name, column.type) for column in metadata.tables["widgets"].columns]
    sa.Table("widgets", sa.MetaData(), *columns).create(engine)
    with pytest.raises(SchemaError, match=r"Table widgets of .* has no primary key, and an upsert needs \(refid\)"):
        ensure_tables(engine, metadata)
    engine.dispose()
