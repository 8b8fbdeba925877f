"""Published rows of real accounts: served by the sandbox, imported, and compared with their files value by value."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.sandbox.csv_file import load_csv
from netsuite_pipeline.sandbox.dataset import Dataset
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches

FIXTURES = Path(__file__).parents[1] / "fixtures"
# The published transactions are vendor bills, which are not imported: here they pass for invoices, and the headers of
# the published lines, which nobody published, for sales orders.
FILES = {
    "customer": ("customer",),
    "employee": ("employee",),
    "item": ("item", "subtotal_item"),
    "job": ("project",),
    "location": ("location",),
    "subsidiary": ("subsidiary",),
    "transaction": ("invoice",),
    "transaction_line": ("transaction_line",),
    "vendor": ("vendor",),
}
Published = dict[tuple[int, ...], dict[str, str]]


@pytest.fixture
def account(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """An account that holds the published rows and nothing else."""
    dataset = Dataset.generated(records=0, seed=1)
    for file, names in FILES.items():
        load_csv(dataset, CATALOG.get(names[0]).source.table, _path(file))
    headers = {row["id"] for row in _rows("transaction")}
    dataset.put("transaction", [{"id": int(number), "type": "CustInvc"} for number in headers])
    ordered = {row["transaction"] for row in _rows("transaction_line")} - headers
    dataset.put("transaction", [{"id": int(number), "type": "SalesOrd"} for number in ordered])
    with SandboxServer(dataset=dataset) as server:
        monkeypatch.setenv("NETSUITE_BASE_URL", server.base_url)
        yield server


@pytest.mark.usefixtures("both_databases", "account")
@pytest.mark.parametrize("file", FILES)
def test_published_rows_arrive_value_by_value(
    definitions: dg.Definitions, instance: dg.DagsterInstance, file: str
) -> None:
    published = _rows(file)
    arrived: set[tuple[int, ...]] = set()
    for name in FILES[file]:
        record_type = CATALOG.get(name)
        _import_twice(definitions, instance, name)
        compared = [field for field in record_type.fields if _published_name(record_type, field) in published[0]]
        assert len(compared) >= 10, "the file and the declaration have columns in common"
        key = [_published_name(record_type, field) for field in record_type.key]
        theirs = {tuple(int(row[column]) for column in key): row for row in published}
        for keys, values in _stored(record_type, compared).items():
            arrived.add(keys)
            expected = {
                field.name: _typed(field, theirs[keys][_published_name(record_type, field)]) for field in compared
            }
            assert values == expected
    assert arrived == set(theirs)


def _path(file: str) -> Path:
    return FIXTURES / f"fivetran_netsuite2_{file}.csv"


def _rows(file: str) -> list[dict[str, str]]:
    with _path(file).open(newline="") as stream:
        return list(csv.DictReader(stream))


def _import_twice(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str) -> None:
    assert plan(definitions, instance, name).success
    for _ in range(2):
        assert run_batches(definitions, instance, name, batches(instance, name)).success
    for second, first in materializations(instance, name).values():
        assert (first["written"], second["written"]) == (first["fetched"], 0)


def _published_name(record_type: RecordType, field: Field) -> str | None:
    """The column of the file; None if the value comes from another table."""
    table, _, column = field.source.rpartition(".")
    return column if table in ("", record_type.source.table) and not field.is_expression else None


def _stored(record_type: RecordType, fields: list[Field]) -> dict[tuple[int, ...], dict[str, object]]:
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    table = sa.Table(record_type.table, sa.MetaData(), autoload_with=engine)
    names = [field.name for field in (*record_type.key, *fields)]
    query = sa.select(*(table.c[name] for name in names)).where(table.c.record_type == record_type.name)
    width = len(record_type.key)
    with engine.connect() as connection:
        rows = {
            tuple(map(int, row[:width])): {
                field.name: _comparable(field, value) for field, value in zip(fields, row[width:], strict=True)
            }
            for row in connection.execute(query)
        }
    engine.dispose()
    return rows


def _comparable(field: Field, value: object) -> object:
    if value is None:
        return None
    match field.kind:
        case Kind.DECIMAL:
            return Decimal(str(value))
        case Kind.BOOLEAN:
            return bool(value)
        case Kind.DATE | Kind.DATETIME:
            # Fivetran writes every date with a time: one that the column has no place for would be lost.
            return f"{value} 00:00:00"[:19]
        case _:
            return value


def _typed(field: Field, text: str) -> object:
    if text == "":
        return None
    match field.kind:
        case Kind.INTEGER | Kind.REFERENCE:
            return int(text)
        case Kind.DECIMAL:
            return Decimal(text)
        case Kind.BOOLEAN:
            return {"T": True, "F": False}[text]
        case Kind.DATE | Kind.DATETIME:
            day, time = text.split()
            return f"{day} {time:0>8}"
        case Kind.TEXT:
            return text
