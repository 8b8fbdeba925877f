"""The memory of missing columns, and loads without them: on SQLite and on MariaDB, every load twice."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.record_types.model import Field, Kind, RecordType, Source, text
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.rows import columns_of, hash_values
from netsuite_pipeline.warehouse import missing_columns as module
from netsuite_pipeline.warehouse.missing_columns import (
    CLAIM,
    EXPIRY,
    EXPIRY_OF_MISSING,
    ColumnMemory,
    account_of,
    missing_columns,
)
from netsuite_pipeline_tests.warehouse.samples import (
    ITEM,
    WIDGET,
    Importer,
    batch_of,
    build_importer,
    row,
    widgets,
)

NAME, GROUP = WIDGET.fields[:2]
Clock = Callable[[dt.timedelta], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Moves the time of the memory on."""
    passed = [dt.timedelta()]
    real = module.utc_now
    monkeypatch.setattr(module, "utc_now", lambda: real() + passed[0])

    def move(by: dt.timedelta) -> None:
        passed[0] += by

    return move


def memory_of(importer: Importer, record_type: RecordType = WIDGET, *, account: str = "1234567_SB1") -> ColumnMemory:
    return ColumnMemory(importer.engine, account=account, record_type=record_type)


def remember(memory: ColumnMemory, *fields: Field) -> None:
    assert memory.claim("run")
    memory.store("run", [(field, f"no {field.name}") for field in fields])


def test_nothing_is_known_before_anyone_asked(importer: Importer) -> None:
    assert memory_of(importer).recall() is None
    assert missing_columns(importer.engine, "1234567_SB1") == {}


def test_what_is_stored_is_recalled_by_every_run(importer: Importer) -> None:
    memory = memory_of(importer)
    assert memory.claim("run")
    stored = memory.store("run", [(NAME, "Unknown identifier 'name'"), (GROUP, "no")])
    assert {column.column for column in stored.missing} == {"name", "group"}
    recalled = memory_of(importer).recall()
    assert recalled is not None
    assert (set(recalled.missing), recalled.probed_at) == (set(stored.missing), stored.probed_at)
    (found,) = missing_columns(importer.engine, "1234567_SB1").values()
    assert [(column.column, column.source, column.reason) for column in found] == [
        ("group", "group", "no"),
        ("name", "name", "Unknown identifier 'name'"),
    ]


def test_that_nothing_is_missing_is_known_too(importer: Importer) -> None:
    remember(memory_of(importer))
    recalled = memory_of(importer).recall()
    assert recalled is not None
    assert recalled.missing == ()
    assert missing_columns(importer.engine, "1234567_SB1") == {}


def test_accounts_and_record_types_are_apart(importer: Importer) -> None:
    remember(memory_of(importer), NAME)
    assert memory_of(importer, account="other").recall() is None
    assert memory_of(importer, ITEM).recall() is None
    assert missing_columns(importer.engine, "other") == {}


def test_that_nothing_is_missing_expires_after_a_week(importer: Importer, clock: Clock) -> None:
    # What another type or account lacks is no matter.
    remember(memory_of(importer, ITEM), ITEM.fields[0])
    remember(memory_of(importer, account="other"), NAME)
    remember(memory_of(importer))
    clock(EXPIRY - dt.timedelta(minutes=1))
    assert memory_of(importer).recall() is not None
    assert not memory_of(importer).claim("another")
    clock(dt.timedelta(minutes=1))
    assert memory_of(importer).recall() is None
    assert memory_of(importer).claim("another")


def test_what_is_missing_expires_after_a_day_and_stays_listed_until_the_next_probe(
    importer: Importer, clock: Clock
) -> None:
    remember(memory_of(importer), NAME, GROUP)
    (listed,) = missing_columns(importer.engine, "1234567_SB1").values()
    clock(EXPIRY_OF_MISSING - dt.timedelta(minutes=1))
    assert memory_of(importer).recall() is not None
    assert not memory_of(importer).claim("another")
    clock(dt.timedelta(minutes=1))
    assert memory_of(importer).recall() is None
    assert missing_columns(importer.engine, "1234567_SB1") == {"widget": listed}
    remember(memory_of(importer), NAME)
    (found,) = missing_columns(importer.engine, "1234567_SB1").values()
    # Since when it is missing does not change; the column that came back is gone from the list.
    assert [(column.column, column.found_at) for column in found] == [("name", listed[1].found_at)]


def test_of_a_declaration_that_changed_nothing_is_known(importer: Importer) -> None:
    remember(memory_of(importer), NAME)
    assert memory_of(importer, WIDGET.without(["amount"])).recall() is None
    remember(memory_of(importer, WIDGET.without(["amount"])))
    assert memory_of(importer).recall() is None


def known(memory: ColumnMemory) -> list[str] | None:
    probe = memory.recall()
    return None if probe is None else [column.column for column in probe.missing]


def test_a_kind_that_is_corrected_is_asked_about_at_once(importer: Importer) -> None:
    remember(memory_of(importer), NAME)
    corrected = replace(WIDGET, fields=(replace(NAME, kind=Kind.DATE), *WIDGET.fields[1:]))
    assert memory_of(importer, corrected).recall() is None
    assert memory_of(importer, corrected).claim("another")


def test_one_run_asks_and_a_run_that_died_asking_is_replaced(importer: Importer, clock: Clock) -> None:
    memory = memory_of(importer)
    assert memory.claim("first")
    assert not memory.claim("second")
    clock(CLAIM)
    assert memory.claim("second")
    memory.store("second", [(GROUP, "no")])
    assert known(memory) == ["group"]


def test_a_run_that_outlasts_its_claim_is_remembered_if_it_is_the_first_to_answer(
    importer: Importer, clock: Clock
) -> None:
    memory = memory_of(importer)
    assert memory.claim("first")
    clock(CLAIM)
    assert memory.claim("second")
    memory.store("first", [(NAME, "slow")])
    assert known(memory) == ["name"]
    assert not memory.claim("third")
    # The second one goes on with what it found, and what is remembered stays.
    assert {column.column for column in memory.store("second", [(GROUP, "slower")]).missing} == {"group"}
    assert known(memory) == ["name"]


def test_a_late_answer_to_another_declaration_is_not_remembered(importer: Importer, clock: Clock) -> None:
    old, new = memory_of(importer, WIDGET.without(["amount"])), memory_of(importer)
    assert old.claim("first")
    clock(CLAIM)
    assert new.claim("second")
    old.store("first", [(NAME, "slow")])
    assert (known(old), known(new)) == (None, None)
    new.store("second", [(GROUP, "no")])
    assert known(new) == ["group"]


def test_a_claim_that_is_renewed_does_not_lapse(importer: Importer, clock: Clock) -> None:
    memory = memory_of(importer)
    assert memory.claim("first")
    clock(CLAIM / 2)
    memory.renew("first")
    memory.renew("other")
    clock(CLAIM / 2)
    assert not memory.claim("second")
    clock(CLAIM / 2)
    assert memory.claim("second")


def test_a_claim_that_is_given_back_is_free_at_once(importer: Importer) -> None:
    memory = memory_of(importer)
    assert memory.claim("first")
    memory.release("other")
    assert not memory.claim("second")
    memory.release("first")
    assert memory.recall() is None
    assert memory.claim("second")


def test_only_the_probe_that_was_wrong_is_forgotten(importer: Importer) -> None:
    memory = memory_of(importer)
    remember(memory)
    old = memory.recall()
    assert old is not None
    memory.forget(old)
    assert memory.recall() is None
    remember(memory, NAME)
    memory.forget(old)
    assert memory.recall() is not None


def test_of_many_runs_at_once_one_asks(importer: Importer) -> None:
    runs = 8
    start = Barrier(runs)

    def claim(number: int) -> bool:
        start.wait()
        return memory_of(importer).claim(f"run {number}")

    with ThreadPoolExecutor(runs) as threads:
        assert sum(threads.map(claim, range(runs))) == 1
    with importer.engine.begin() as connection:
        connection.execute(sa.text("UPDATE column_probes SET claimed_at = NULL, claimed_by = NULL"))
    with ThreadPoolExecutor(runs) as threads:
        assert sum(threads.map(claim, range(runs))) == 1


def test_the_account_is_named_by_its_id_or_its_host_or_both() -> None:
    assert account_of(Settings(netsuite_account_id="1234567-sb1")) == "1234567_SB1"
    served = Settings(netsuite_account_id="1234567-sb1", netsuite_base_url="http://127.0.0.1:8080")
    assert account_of(served) == "1234567_SB1 127.0.0.1"
    assert account_of(Settings(netsuite_base_url="http://127.0.0.1:8080")) == "127.0.0.1:8080"
    assert len(account_of(Settings(netsuite_account_id="7" * 99))) == 64


def reduced_row(record_type: RecordType, *key: int, **values: Any) -> Row:
    """As `row`, hashed as the transformer does for an account that lacks columns."""
    found = row(record_type, *key, **values)
    return Row(found.key, found.values, hash_values(found.values, salt=b"lacking" * bool(record_type.absent)))


FULL = {"name": "a", "group": "b", "amount": Decimal(5), "isinactive": True}


def values_of(importer: Importer, record_type: RecordType = WIDGET) -> dict[str, Any]:
    (values,) = importer.imported(record_type).values()
    return dict(zip(columns_of(record_type), values, strict=True))


def test_values_of_absent_columns_stay_and_come_back_once(importer: Importer) -> None:
    importer.load(batch_of([reduced_row(WIDGET, 1, **FULL)]))

    lacking = WIDGET.without(["name", "amount"])
    ledger = importer.load(batch_of([reduced_row(lacking, 1, group="c")], record_type=lacking))
    assert (ledger.updated, ledger.unchanged) == (1, 0)
    values = values_of(importer)
    assert (values["name"], values["amount"], values["group"], values["isinactive"]) == ("a", Decimal(5), "c", None)

    ledger = importer.load(batch_of([reduced_row(WIDGET, 1, **FULL | {"name": "new"})]))
    assert (ledger.updated, ledger.unchanged) == (1, 0)
    assert values_of(importer) | {"refid": 0} == values_of(importer) | {"refid": 0, "name": "new", "group": "b"}


def test_new_rows_have_nothing_in_absent_columns(importer: Importer) -> None:
    lacking = WIDGET.without(["name"])
    ledger = importer.load(batch_of([reduced_row(lacking, n, group="c") for n in (1, 2)], record_type=lacking))
    assert ledger.inserted == 2
    assert {values[2] for values in importer.imported().values()} == {None}


def test_one_loader_loads_a_type_with_and_without_a_column(importer: Importer) -> None:
    importer.load(batch_of(widgets([1])))
    lacking = WIDGET.without(["name"])
    importer.load(batch_of([reduced_row(lacking, 5, group="c")], first=5, last=9, record_type=lacking))
    importer.load(batch_of(widgets([11]), first=11, last=19))
    assert {key: values[2] for key, values in importer.imported().items()} == {
        (1,): "widget 1",
        (5,): None,
        (11,): "widget 11",
    }


def test_a_row_that_moves_here_loses_the_other_types_columns_and_no_absent_ones(warehouse_url: str) -> None:
    bolt, nut = (
        RecordType(name=name, id=number, table="parts", source=Source(table="part"), fields=fields)
        for name, number, fields in (
            ("bolt", -9101, (text("label", 50), text("thread", 50))),
            ("nut", -9102, (text("label", 50), text("finish", 50))),
        )
    )
    importer = build_importer(warehouse_url, [bolt, nut])
    importer.load(batch_of([reduced_row(bolt, 1, label="M6", thread="1.0")], record_type=bolt))
    lacking = nut.without(["label"])
    importer.load(batch_of([reduced_row(lacking, 1, finish="zinc")], record_type=lacking))
    with importer.engine.connect() as connection:
        found = connection.execute(sa.select(importer.metadata.tables["parts"])).mappings().one()
    importer.engine.dispose()
    assert [found[name] for name in ("record_type", "label", "thread", "finish")] == ["nut", "M6", None, "zinc"]


def test_rows_that_are_gone_are_flagged_without_their_columns_too(importer: Importer) -> None:
    importer.load(batch_of(widgets([1, 2])))
    lacking = WIDGET.without(["name"])
    ledger = importer.load(batch_of([reduced_row(lacking, 1)], record_type=lacking))
    assert ledger.deleted == 1
    assert sorted(importer.imported()) == [(1,)]
