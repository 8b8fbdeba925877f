"""Every column of every declared type holds what it promises: full rows, and text that was written to break things."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import RowTransformer
from netsuite_pipeline_tests.warehouse.samples import HOSTILE, Importer, batch_of, build_importer, row

BATCH = BatchRange(1, 1000)
MEGABYTE = "é😀<br>\n" * 80_000


@pytest.fixture
def importer(warehouse_url: str) -> Iterator[Importer]:
    built = build_importer(warehouse_url, CATALOG)
    yield built
    built.engine.dispose()


def fullest(field: Field) -> Any:
    """The value of a column that takes the most bytes."""
    match field.kind:
        case Kind.TEXT:
            return "😀" * (field.length or 20_000)
        case Kind.DECIMAL:
            assert field.precision is not None
            return Decimal(f"-{'9' * field.precision}E-{field.scale}")
        case Kind.DATE:
            return dt.date(9999, 12, 31)
        case Kind.DATETIME:
            return dt.datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the account's zone
        case Kind.BOOLEAN:
            return True
        case _:
            return -(2**63)


def test_a_row_that_is_full_to_the_brim_fits_every_table(importer: Importer) -> None:
    for number, record_type in enumerate(CATALOG, 1):
        # Items of all types share a table; in it each has an id of its own.
        key = (number,) * len(record_type.key)
        full = row(record_type, *key, **{field.name: fullest(field) for field in record_type.value_fields})
        ledger = importer.load(batch_of([full], record_type=record_type))
        assert (ledger.inserted, ledger.rejected) == (1, 0), record_type.name
        same = importer.imported(record_type) == {key: full.values}
        assert same, record_type.name


def hostile_rows(record_type: RecordType, first: int) -> list[dict[str, str]]:
    """As many rows as there are texts; each text is in every text column of one of them, cut to fit."""
    columns = [field for field in record_type.fields if field.kind is Kind.TEXT]
    return [
        {field.name: str(first + shift) for field in record_type.key}
        | {field.name: HOSTILE[(shift + place) % len(HOSTILE)][: field.length] for place, field in enumerate(columns)}
        | {field.name: MEGABYTE for field in columns if field.length is None and shift == 0}
        for shift in range(len(HOSTILE))
    ]


def test_every_text_column_returns_hostile_text_as_it_was_sent(importer: Importer) -> None:
    for number, record_type in enumerate(CATALOG):
        sent = hostile_rows(record_type, 1 + number * len(HOSTILE))
        transform = RowTransformer(record_type).transform
        rows = [result for source in sent if isinstance(result := transform(source, BATCH), Row)]
        assert len(rows) == len(HOSTILE)
        importer.load(batch_of(rows, record_type=record_type))
        found = importer.imported(record_type)
        names = [field.name for field in record_type.source_fields]
        size = len(record_type.key)
        for source, loaded in zip(sent, rows, strict=True):
            texts = dict(zip(names[size:], found[loaded.key][size + 1 :], strict=False))
            wrong = [name for name in source if name in texts and texts[name] != source[name]]
            assert not wrong, f"{record_type.name} {loaded.key}"


def test_derived_columns_are_stored_beside_the_code(importer: Importer) -> None:
    invoice = CATALOG.get("invoice")
    rows = [
        result
        for number, status in enumerate(("A", "B", "?"), 1)
        if isinstance(result := RowTransformer(invoice).transform({"refid": str(number), "status": status}, BATCH), Row)
    ]
    importer.load(batch_of(rows, record_type=invoice))
    with importer.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT refid, status, status_name FROM invoices ORDER BY refid").all()
    assert [tuple(entry) for entry in found] == [(1, "A", "open"), (2, "B", "paid"), (3, "?", None)]


def test_lines_country_and_postal_code_are_stored_beside_the_address(importer: Importer) -> None:
    location = CATALOG.get("location")
    untidy = {"main_addr1": " 1 Mill Lane\r\n\r\n Unit 4 𠮷", "main_country": " us", "main_zip": " ls1   4ap"}
    bare = {"main_addr1": " ", "main_country": "_unitedStates"}
    rows = [
        result
        for number, address in enumerate((untidy, bare, {}), 1)
        if isinstance(result := RowTransformer(location).transform({"refid": str(number)} | address, BATCH), Row)
    ]
    importer.load(batch_of(rows, record_type=location))
    columns = ("main_addr1", "main_country", "main_zip", "main_lines", "main_country_code", "main_postal_code")
    with importer.engine.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT {', '.join(columns)} FROM locations ORDER BY refid").all()
    assert [tuple(entry) for entry in found] == [
        (*untidy.values(), "1 Mill Lane\nUnit 4 𠮷", "US", "LS1 4AP"),
        (" ", "_unitedStates", None, None, None, None),
        (None,) * 6,
    ]
