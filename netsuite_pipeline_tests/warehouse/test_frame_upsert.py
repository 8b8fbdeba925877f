"""A frame of a person's own asset ends up in its table as it is, once, all of it or nothing."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import FrameError, SchemaError
from netsuite_pipeline.warehouse.frame_target import FrameTarget
from netsuite_pipeline.warehouse.frame_upsert import FrameWritten, upsert_frame
from netsuite_pipeline.warehouse.frames import read_asset_frame

SALES = FrameTarget(asset="sales", table="sales", key=("region", "month"))
MORE_THAN_A_STATEMENT = 1_234


class Frames:
    """Writes each frame twice and holds the second time to its promise: it writes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def write(self, frame: pd.DataFrame, target: FrameTarget = SALES) -> tuple[int, int, int, int]:
        """Inserted, updated, unchanged and deleted rows of the first time."""
        first = upsert_frame(self.engine, frame, target)
        before = self.everything(target.table)
        second = upsert_frame(self.engine, frame, target)
        assert (second.inserted, second.updated, second.deleted) == (0, 0, 0)
        assert second.rows == second.unchanged == first.rows
        assert self.everything(target.table) == before
        return counts(first)

    def read(self, target: FrameTarget = SALES) -> list[dict[str, Any]]:
        frame = read_asset_frame(self.engine, target)
        return frame.astype(object).where(frame.notna(), None).to_dict("records")

    def everything(self, table: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}").all()]

    def run(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(sql)


def counts(written: FrameWritten) -> tuple[int, int, int, int]:
    return written.inserted, written.updated, written.unchanged, written.deleted


def sales(*rows: tuple[Any, ...], columns: tuple[str, ...] = ("region", "month", "total")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))


@pytest.fixture
def frames(warehouse_url: str) -> Iterator[Frames]:
    """On SQLite and on MariaDB."""
    engine = connect(warehouse_url)
    yield Frames(engine)
    engine.dispose()


@pytest.fixture
def mariadb_frames(mariadb_url: str) -> Iterator[Frames]:
    """For what SQLite cannot do."""
    engine = connect(mariadb_url)
    yield Frames(engine)
    engine.dispose()


def test_a_first_frame_creates_its_table_with_types_made_from_its_dtypes(mariadb_frames: Frames) -> None:
    frame = pd.DataFrame(
        {
            "note": ["x"],
            "total": [Decimal("1.5")],
            "count": [1],
            "maybe": pd.array([None], dtype="Int64"),
            "share": [0.5],
            "ok": [True],
            "at": [pd.Timestamp("2026-01-01 12:00")],
            "day": [dt.date(2026, 1, 1)],
            "kind": pd.Categorical(["a"]),
            "region": ["north"],
            "month": [202601],
        }
    )
    mariadb_frames.write(frame)
    with mariadb_frames.engine.connect() as connection:
        inspector = sa.inspect(connection)
        types = {
            found["name"]: (
                found["type"].compile(mariadb_frames.engine.dialect).partition(" CHAR")[0],
                found["nullable"],
            )
            for found in inspector.get_columns("sales")
        }
        assert inspector.get_pk_constraint("sales")["constrained_columns"] == ["region", "month"]
    assert types == {
        "note": ("LONGTEXT", True),
        "total": ("DECIMAL(24, 8)", True),
        "count": ("BIGINT(20)", True),
        "maybe": ("BIGINT(20)", True),
        "share": ("DOUBLE", True),
        "ok": ("TINYINT(1)", True),
        "at": ("DATETIME(6)", True),
        "day": ("DATE", True),
        "kind": ("LONGTEXT", True),
        "region": ("VARCHAR(191)", False),
        "month": ("BIGINT(20)", False),
        "row_hash": ("BINARY(16)", False),
    }


def test_only_new_and_changed_rows_are_written_and_the_others_stay(frames: Frames) -> None:
    assert frames.write(sales(("north", 1, 10), ("north", 2, 20), ("south", 1, 30))) == (3, 0, 0, 0)
    assert frames.write(sales(("south", 2, 40), ("north", 2, 21), ("north", 1, 10))) == (1, 1, 1, 0)
    assert frames.read() == [
        {"region": "north", "month": 1, "total": 10},
        {"region": "north", "month": 2, "total": 21},
        {"region": "south", "month": 1, "total": 30},
        {"region": "south", "month": 2, "total": 40},
    ]


def test_columns_that_change_places_change_nothing(frames: Frames) -> None:
    frame = pd.DataFrame({"region": ["n"], "month": [1], "a": [1], "b": ["x"]})
    frames.write(frame)
    assert frames.write(frame[["b", "month", "a", "region"]]) == (0, 0, 1, 0)


def test_a_frame_of_several_statements_is_written_whole_and_read_back(frames: Frames) -> None:
    numbers = range(MORE_THAN_A_STATEMENT)
    frame = pd.DataFrame({"region": ["x"] * len(numbers), "month": reversed(numbers), "total": numbers})
    assert frames.write(frame) == (MORE_THAN_A_STATEMENT, 0, 0, 0)
    assert [row["month"] for row in frames.read()] == list(numbers)


def test_keys_that_differ_in_case_or_accents_are_different_rows(frames: Frames) -> None:
    names = ["A", "a", "á", "ä"]
    frames.write(pd.DataFrame({"region": names, "month": 1, "total": range(4)}))
    assert {row["region"]: row["total"] for row in frames.read()} == dict(zip(names, range(4), strict=True))


def test_what_groupby_leaves_in_the_index_is_the_key(frames: Frames) -> None:
    rows = sales(("n", 1, 1), ("n", 1, 2), ("s", 1, 5))
    assert frames.write(rows.groupby(["region", "month"]).sum()) == (2, 0, 0, 0)
    assert frames.read()[0] == {"region": "n", "month": 1, "total": 3}


def test_aware_date_times_are_stored_in_utc(frames: Frames) -> None:
    moments = pd.to_datetime(["2026-07-01 12:00", None]).tz_localize("America/Los_Angeles")
    frames.write(pd.DataFrame({"region": ["n", "s"], "month": [1, 1], "at": moments}))
    assert [row["at"] for row in frames.read()] == [pd.Timestamp("2026-07-01 19:00"), None]


def test_numbers_move_to_another_kind_of_column_where_that_is_exact(frames: Frames) -> None:
    # A whole number that is missing somewhere makes its column float64 in pandas.
    frames.write(pd.DataFrame({"region": ["n"], "month": [1], "a": [1], "b": [0.5], "c": [Decimal("0.5")]}))
    later = pd.DataFrame({"region": ["n", "s"], "month": [1, 1], "a": [1.0, np.nan], "b": [2, 3], "c": [4, 5]})
    assert frames.write(later) == (1, 1, 0, 0)
    assert frames.read() == [
        {"region": "n", "month": 1, "a": 1, "b": 2.0, "c": Decimal(4)},
        {"region": "s", "month": 1, "a": None, "b": 3.0, "c": Decimal(5)},
    ]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Decimal("0.123456789"), "has 9 decimals; the column of table sales is DECIMAL"),
        (Decimal("12345678901234567"), "has 17 digits before the point"),
    ],
)
def test_a_decimal_that_would_be_rounded_is_refused(frames: Frames, value: Decimal, sentence: str) -> None:
    frames.write(sales(("n", 1, Decimal("1.5"))))
    with pytest.raises(FrameError, match=sentence):
        upsert_frame(frames.engine, sales(("n", 1, value)), SALES)
    assert frames.read() == [{"region": "n", "month": 1, "total": Decimal("1.5")}]


def test_a_table_that_somebody_made_is_used_if_it_fits_and_its_other_columns_stay(frames: Frames) -> None:
    hashed = "BLOB" if frames.engine.dialect.name == "sqlite" else "BINARY(16)"
    frames.run(
        "CREATE TABLE sales (month SMALLINT NOT NULL, region VARCHAR(20) NOT NULL, total INTEGER,"
        f" note VARCHAR(20), row_hash {hashed}, PRIMARY KEY (month, region))"
    )
    frames.run("INSERT INTO sales (month, region, total, note) VALUES (1, 'n', 5, 'mine')")
    assert frames.write(sales(("n", 1, 5), ("s", 1, 6))) == (1, 1, 0, 0)
    assert frames.read() == [
        {"region": "n", "month": 1, "total": 5, "note": "mine"},
        {"region": "s", "month": 1, "total": 6, "note": None},
    ]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("region VARCHAR(9), month BIGINT, total BIGINT, row_hash BLOB, PRIMARY KEY (region)", "primary key .region."),
        ("region VARCHAR(9), month BIGINT, total BIGINT, row_hash BLOB", "has no primary key"),
        ("region VARCHAR(9), month BIGINT, total BIGINT, PRIMARY KEY (region, month)", "has no column row_hash"),
        (
            "region VARCHAR(9), month BIGINT, total CHAR(9), row_hash BLOB, PRIMARY KEY (region, month)",
            "holds whole numbers, and the column of table sales is CHAR",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(frames: Frames, columns: str, sentence: str) -> None:
    frames.run(f"CREATE TABLE sales ({columns})")
    with pytest.raises(FrameError, match=sentence):
        upsert_frame(frames.engine, sales(("n", 1, 5)), SALES)
    assert frames.everything("sales") == []


def test_a_view_is_no_table(frames: Frames) -> None:
    frames.run("CREATE VIEW sales AS SELECT 1 AS region")
    with pytest.raises((FrameError, SchemaError), match="sales is a view"):
        upsert_frame(frames.engine, sales(("n", 1, 5)), SALES)


def test_a_row_that_the_database_refuses_is_named_and_nothing_is_written(mariadb_frames: Frames) -> None:
    mariadb_frames.write(sales(("n", 1, 5)))
    mariadb_frames.run("ALTER TABLE sales ADD CONSTRAINT small CHECK (total < 1000)")
    many = sales(*(("x", number, 1000 if number == 700 else 1) for number in range(1_000)))
    with pytest.raises(FrameError, match=r"does not take the row \('x', 700\) of the frame of sales.*small"):
        upsert_frame(mariadb_frames.engine, many, SALES)
    assert len(mariadb_frames.everything("sales")) == 1


@pytest.mark.parametrize(
    ("change", "frame", "sentence"),
    [
        ("MODIFY total SMALLINT", sales(("n", 2, 40_000)), r"row \('n', 2\) .*Out of range"),
        ("MODIFY total BIGINT NOT NULL DEFAULT 0", sales(("n", 2, pd.NA)), r"takes no NULL.*\('n', 2\)"),
        ("ADD UNIQUE (total)", sales(("n", 2, 5)), r"row \('n', 2\) .* in column total: .*Duplicate entry"),
        ("MODIFY total FLOAT", sales(("n", 2, 0.1)), "and the column of table sales is FLOAT"),
    ],
)
def test_a_changed_table_never_changes_a_value(
    mariadb_frames: Frames, change: str, frame: pd.DataFrame, sentence: str
) -> None:
    mariadb_frames.write(sales(("n", 1, 5)))
    mariadb_frames.run(f"ALTER TABLE sales {change}")
    if frame["total"].isna().all():
        frame = frame.astype({"total": "Int64"})
    before = mariadb_frames.everything("sales")
    with pytest.raises(FrameError, match=sentence):
        upsert_frame(mariadb_frames.engine, frame, SALES)
    assert mariadb_frames.everything("sales") == before


def test_a_lock_that_is_waited_for_in_vain_repeats_the_transaction(mariadb_frames: Frames) -> None:
    mariadb_frames.write(sales(("n", 1, 5)))

    @sa.event.listens_for(mariadb_frames.engine, "begin")
    def impatient(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")

    waits: list[float] = []
    with mariadb_frames.engine.connect() as other:
        other.exec_driver_sql("UPDATE sales SET total = 6")

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            other.rollback()

        written = upsert_frame(mariadb_frames.engine, sales(("n", 1, 7)), SALES, sleep=sleep)
    assert (len(waits), counts(written)) == (1, (0, 1, 0, 0))
    assert mariadb_frames.read() == [{"region": "n", "month": 1, "total": 7}]


def test_a_row_that_another_writer_inserts_meanwhile_repeats_the_transaction(mariadb_frames: Frames) -> None:
    mariadb_frames.write(sales(("n", 1, 5)))
    waits: list[float] = []

    @sa.event.listens_for(mariadb_frames.engine, "before_cursor_execute")
    def overtake(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO") and not waits:
            waits.append(0)
            upsert_frame(mariadb_frames.engine, sales(("n", 2, 6)), SALES)

    written = upsert_frame(mariadb_frames.engine, sales(("n", 2, 7)), SALES, sleep=waits.append)
    assert (len(waits), counts(written)) == (2, (0, 1, 0, 0))
    assert [row["total"] for row in mariadb_frames.read()] == [5, 7]


def test_a_partition_is_replaced_and_the_others_stay(frames: Frames) -> None:
    january, february = (
        FrameTarget(asset="sales", table="sales", key=("region",), partition_column="month", partitions=(key,))
        for key in ("2026-01", "2026-02")
    )
    columns = ("region", "month", "total")
    frames.write(sales(("a", "2026-01", 1), ("b", "2026-01", 2), columns=columns), january)
    assert frames.write(sales(("c", "2026-02", 3), columns=columns), february) == (1, 0, 0, 0)
    assert frames.write(sales(("b", "2026-01", 2), ("d", "2026-01", 4), columns=columns), january) == (1, 0, 1, 1)
    assert [row["region"] for row in frames.read(january)] == ["b", "d"]
    assert [row["region"] for row in frames.read(february)] == ["c"]
    assert frames.write(sales(columns=columns), january) == (0, 0, 0, 2)


@pytest.mark.parametrize(
    ("values", "keys"),
    [([1, 2], ("1", "2")), ([dt.date(2026, 1, 1), dt.date(2026, 2, 1)], ("2026-01-01", "2026-02-01"))],
)
def test_partition_keys_are_compared_as_numbers_and_dates_too(
    frames: Frames, values: list[Any], keys: tuple[str, ...]
) -> None:
    both, first, other = (
        FrameTarget(asset="sales", table="sales", key=("id",), partition_column="part", partitions=some)
        for some in (keys, keys[:1], ("x",))
    )
    frames.write(pd.DataFrame({"id": [1, 2], "part": values}), both)
    assert [row["id"] for row in frames.read(first)] == [1]
    with pytest.raises(FrameError, match=r"1 rows whose part is no partition of this run .*e.g. \(2\)"):
        upsert_frame(frames.engine, pd.DataFrame({"id": [1, 2], "part": values}), first)
    with pytest.raises(FrameError, match="part of table sales cannot hold the partition keys of sales"):
        read_asset_frame(frames.engine, other)


def test_a_frame_that_does_not_fit_writes_nothing_and_creates_nothing(frames: Frames) -> None:
    with pytest.raises(FrameError, match="holds inf, which is infinite"):
        upsert_frame(frames.engine, sales(("n", 1, np.inf)), SALES)
    assert not sa.inspect(frames.engine).has_table("sales")
    frames.write(sales(("n", 1, 1)))
    with pytest.raises(FrameError, match="several rows with the same key"):
        upsert_frame(frames.engine, sales(("n", 1, 2), ("n", 1, 3)), SALES)
    assert [row["total"] for row in frames.read()] == [1]
