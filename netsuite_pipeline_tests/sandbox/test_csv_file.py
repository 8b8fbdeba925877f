"""Published rows of real accounts, loaded from their files and served over HTTP."""

import csv
from pathlib import Path
from typing import Any

import pytest

from netsuite_pipeline.sandbox.catalogue import TABLES, Kind
from netsuite_pipeline.sandbox.csv_file import load_csv
from netsuite_pipeline.sandbox.dataset import Dataset, DatasetError

FIXTURES = Path(__file__).parents[1] / "fixtures"
FILES = {
    "customer": "customer",
    "employee": "employee",
    "entities": "entity",
    "item": "item",
    "job": "job",
    "location": "location",
    "subsidiary": "subsidiary",
    "transaction": "transaction",
    "transaction_line": "transactionline",
    "vendor": "vendor",
}
TEMPORAL = {Kind.DATE, Kind.DATETIME}


def selected(table: str, name: str) -> str:
    if TABLES[table].columns[name].kind in TEMPORAL:
        return f"TO_CHAR({name}, 'YYYY-MM-DD HH24:MI:SS') AS {name}"
    return name


@pytest.mark.parametrize("file", FILES)
def test_every_value_of_the_published_rows_is_served_as_it_is(make_caller: Any, file: str) -> None:
    table, path = FILES[file], FIXTURES / f"fivetran_netsuite2_{file}.csv"
    with path.open(newline="") as stream:
        expected = list(csv.DictReader(stream))
    dataset = Dataset.generated(records=0, seed=1)
    columns = load_csv(dataset, table, path)
    caller = make_caller(dataset=dataset)

    keys = ", ".join(TABLES[table].key)
    sql = f"SELECT {', '.join(selected(table, name) for name in columns)} FROM {table} ORDER BY {keys}"
    served = caller.rows(sql)

    assert len(served) == len(expected)
    expected.sort(key=lambda row: [int(row[name]) for name in TABLES[table].key])
    for theirs, mine in zip(expected, served, strict=True):
        for name in columns:
            # Fivetran writes the hour without its leading zero.
            if TABLES[table].columns[name].kind in TEMPORAL and theirs[name]:
                day, time = theirs[name].split()
                theirs[name] = f"{day} {time:0>8}"
            assert mine.get(name, "") == theirs[name], name


def test_only_columns_that_the_table_lacks_are_skipped() -> None:
    for file, table in FILES.items():
        path = FIXTURES / f"fivetran_netsuite2_{file}.csv"
        with path.open(newline="") as stream:
            header = next(csv.reader(stream))
        with Dataset() as dataset:
            skipped = set(header) - set(load_csv(dataset, table, path))
        assert all(name == "date_deleted" or name.startswith(("_fivetran", "cust")) for name in skipped), skipped


def test_a_loaded_row_without_a_modified_date_changed_just_now(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffID,altname,startdate,unknown\n7,Ñ 🙂,2020-01-02,x\n", encoding="utf-8")
    with Dataset() as dataset:
        started = dataset.local_now()
        assert load_csv(dataset, "customer", path) == ("id", "altname", "startdate")
        row = dataset.connection().execute("SELECT id, altname, startdate, lastmodifieddate FROM customer").fetchone()
    assert row[:3] == (7, "Ñ 🙂", "2020-01-02 00:00:00")
    assert row[3] >= started


def test_a_cell_that_is_no_date_is_refused_with_its_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,startdate\n7,tomorrow\n")
    with Dataset() as dataset, pytest.raises(DatasetError, match="tomorrow"):
        load_csv(dataset, "customer", path)
