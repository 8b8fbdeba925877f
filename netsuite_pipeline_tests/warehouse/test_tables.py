"""Tables follow from declarations, and the server accepts what is declared."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.schema import CreateTable

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import Field, RecordType, Source, decimal, text
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import target_metadata
from netsuite_pipeline_tests.warehouse.samples import WIDGET


def ddl(table: sa.Table, dialect: sa.Dialect) -> list[str]:
    return [line.strip() for line in str(CreateTable(table).compile(dialect=dialect)).splitlines()]


def wide(*fields: Field) -> sa.Table:
    declared = RecordType(name="wide", id=-1, table="wide", source=Source(table="wide"), fields=fields)
    return target_metadata([declared]).tables["wide"]


def test_a_declaration_becomes_a_mysql_table() -> None:
    lines = ddl(target_metadata([WIDGET]).tables["widgets"], mysql.dialect())
    assert [line.strip(" ,") for line in lines if line] == [
        "CREATE TABLE widgets (",
        "refid BIGINT NOT NULL",
        "external_id VARCHAR(64)",
        "name VARCHAR(200)",
        "`group` LONGTEXT",
        "`order` BIGINT",
        "class_id BIGINT",
        "amount NUMERIC(24, 8)",
        "isinactive BOOL",
        "startdate DATE",
        "lastmodifieddate DATETIME",
        "record_type VARCHAR(64) NOT NULL",
        "row_hash BINARY(16) NOT NULL",
        "imported_at DATETIME(6) NOT NULL",
        "deleted_at DATETIME(6)",
        "PRIMARY KEY (refid)",
        ")ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci",
    ]


def test_sqlite_keeps_decimals_as_text() -> None:
    assert "amount TEXT," in ddl(target_metadata([WIDGET]).tables["widgets"], sqlite.dialect())


def test_every_target_table_of_the_catalog_has_its_natural_key() -> None:
    metadata = target_metadata(CATALOG)
    assert set(metadata.tables) == {record_type.table for record_type in CATALOG}
    for record_type in CATALOG:
        key = [column.name for column in metadata.tables[record_type.table].primary_key]
        assert key == [field.name for field in record_type.key]


def test_types_that_share_a_table_merge_their_columns() -> None:
    more = RecordType(
        name="more", id=-2, table="widgets", source=Source(table="more"), fields=(text("name", 200), decimal("weight"))
    )
    columns = target_metadata([WIDGET, more]).tables["widgets"].columns.keys()
    assert columns.count("name") == 1
    assert {"amount", "weight"} <= set(columns)


def test_rows_too_wide_for_mysql_are_declared_in_a_form_it_accepts(mariadb_url: str) -> None:
    engine = connect(mariadb_url)
    for number, fields in enumerate(
        (
            [text(f"c{column}", 400) for column in range(150)],
            [text(f"c{column}", 80) for column in range(180)],
            [text("huge", 20_000), text("small", 10)],
            [*(text(f"t{column}", 500) for column in range(33)), *(decimal(f"d{column}") for column in range(60))],
        )
    ):
        table = wide(*fields)
        table.name = f"wide{number}"
        ensure_tables(engine, table.metadata)
    engine.dispose()


def test_the_widest_columns_become_text_and_the_choice_is_stable() -> None:
    fields = [text("widest", 15_000), text("second", 1400), *(text(f"c{column}", 20) for column in range(20))]
    for order in (fields, fields[::-1]):
        table = wide(*order)
        unbounded = {column.name for column in table.c if isinstance(column.type, sa.Text)}
        assert unbounded == {"widest"}
