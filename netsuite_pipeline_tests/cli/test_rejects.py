"""`rejects`: what it lists, shows, exports and forgets, and that a replay loads what was mended and nothing else."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from netsuite_pipeline.cli import db
from netsuite_pipeline.cli import rejects as command_module
from netsuite_pipeline.cli.reject_export import COLUMNS, atomic_file
from netsuite_pipeline.orchestration.batch_run import BatchRun, import_batches
from netsuite_pipeline.orchestration.fetching import AccountFetch
from netsuite_pipeline.orchestration.replay import RangeReplayed, Replay
from netsuite_pipeline.orchestration.resources import PipelineResource, warehouse_metadata
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.transform.rejection import Rejection
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.errors import StaleRead
from netsuite_pipeline.warehouse.ledger import Ledger
from netsuite_pipeline.warehouse.loader import BatchLoader
from netsuite_pipeline.warehouse.quarantine import Reject
from netsuite_pipeline.warehouse.rejects import RejectContext, store_rejects
from netsuite_pipeline.warehouse.schema import ensure_tables
from netsuite_pipeline.warehouse.tables import utc_now
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.cli.conftest import Command

OVERLONG = "5" * 65
NOBODY = 999_999


def few_types(settings: Settings) -> Catalog:
    """Some of the declared record types: the tables of all of them take a second to make and to verify."""
    return Catalog(load_catalog(settings).select(("customer", "vendor", "employee", "item"), dependencies=True))


@pytest.fixture(autouse=True)
def _few_types(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (command_module, db):
        monkeypatch.setattr(module, "load_catalog", few_types)


@pytest.fixture(scope="module")
def netsuite_server() -> Iterator[SandboxServer]:
    """A small sandbox of this module's own, because its tests change records."""
    with SandboxServer(records=120, seed=4) as server:
        yield server


@pytest.fixture
def customers(sandbox: SandboxServer) -> Iterator[list[int]]:
    """The ids of its customers, which are as they were once the test is over."""
    connection = sandbox.dataset.connection()
    phones = connection.execute("SELECT id, phone FROM customer ORDER BY id").fetchall()
    yield [number for number, _ in phones]
    sandbox.dataset.put("customer", [{"id": number, "phone": phone} for number, phone in phones])


@pytest.fixture
def both_databases(warehouse_url: str, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a test run on SQLite and on MariaDB."""
    monkeypatch.setenv("WAREHOUSE_URL", warehouse_url)


@pytest.fixture
def engine(environment: None) -> Iterator[sa.Engine]:
    """The warehouse of WAREHOUSE_URL as it is when the test asks for it, with the tables of imports alone."""
    engine = connect(Settings.load().warehouse_url.get_secret_value())
    ensure_tables(engine, warehouse_metadata(Catalog(())))
    yield engine
    engine.dispose()


def import_type(name: str, *ranges: BatchRange) -> None:
    """Imports a record type as a run does: all of it in one batch, unless ranges are given."""
    pipeline, settings = PipelineResource(), Settings.load()
    catalog = command_module.load_catalog(settings)
    declared, chosen = catalog.get(name), ranges or (BatchRange(1, 10**6),)
    fetch = AccountFetch(pipeline=pipeline, record_type=declared, runs=None, run_id="first", warn=print)
    run = BatchRun(record_type=declared, ranges=chosen, run_id="first", fetch=fetch)
    metadata = warehouse_metadata(catalog)
    with pipeline.engine() as engine:
        ensure_tables(engine, metadata)
        loader = BatchLoader(engine, metadata, delete_guard_percent=50, reject_guard_percent=100)
        limits = Limits.of(settings)
        outcomes = list(import_batches(run, loader=loader, store=WaveStore(engine), limits=limits, writers=1))
    assert all(outcome.ledger for outcome in outcomes), outcomes


def spoil(sandbox: SandboxServer, *ids: int, phone: str | None = OVERLONG) -> None:
    """Gives customers a telephone number that the column cannot hold, or another one."""
    sandbox.dataset.put("customer", [{"id": number, "phone": phone} for number in ids])


def query(engine: sa.Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def imported_at(engine: sa.Engine) -> dict[int, Any]:
    """When each live customer was last written."""
    return dict(query(engine, "SELECT refid, imported_at FROM customers WHERE deleted_at IS NULL"))  # type: ignore[arg-type]


def reject(engine: sa.Engine, record_type: str, *rejections: Rejection) -> None:
    """Files rejects of the range 1..1000."""
    context = RejectContext(
        record_type=record_type, range=BatchRange(1, 1000), job_id="night", run_id="run", now=utc_now()
    )
    with engine.begin() as connection:
        store_rejects(connection, warehouse_metadata(Catalog(())), rejections, context)


def too_long(number: int, *, detail: str = "80 characters, the column holds 64", **payload: Any) -> Rejection:
    return Rejection(reason="too_long", detail=detail, payload=payload, key=(number,), field="phone")


def numbers(output: str, record_type: str) -> list[str]:
    """The cells of a type's row in the table that a command prints."""
    line = next(line.split() for line in output.splitlines() if line.startswith(f"{record_type} "))
    return line[1:]


@pytest.mark.usefixtures("both_databases")
def test_a_replay_loads_what_was_mended_and_leaves_everything_else(
    command: Command, sandbox: SandboxServer, customers: list[int], engine: sa.Engine
) -> None:
    mended, still = customers[2], customers[-2]
    spoil(sandbox, mended, still)
    import_type("customer")
    before = imported_at(engine)
    assert before.keys() == {*customers} - {mended, still}

    spoil(sandbox, mended, phone="1234")
    answer = command("rejects", "replay")
    assert answer.exit_code == 1
    assert numbers(answer.output, "customer") == ["2", "1", "0", "1", "0", "too_long", "1"]
    after = imported_at(engine)
    assert after.keys() - before.keys() == {mended}
    assert {number: after[number] for number in before} == before
    kept = dict(query(engine, "SELECT row_key, resolved_at IS NULL FROM import_rejects"))  # type: ignore[arg-type]
    assert kept == {str(mended): 0, str(still): 1}

    assert command("rejects", "replay").exit_code == 1
    written = "SELECT inserted + updated + deleted FROM batch_ledger ORDER BY id"
    assert [row[0] for row in query(engine, written)] == [len(before), 1, 0]
    assert imported_at(engine) == after

    spoil(sandbox, still, phone=None)
    assert command("rejects", "replay").exit_code == 0
    sandbox.stats.reset()
    answer = command("rejects", "replay")
    assert (answer.exit_code, answer.output) == (0, "There are no open rejects.\n")
    assert sandbox.stats.total_queries == 0
    # The small ranges of the replays are no batches.
    assert "Batches      1 of" in command("record-types", "profile", "customer").output


@pytest.mark.usefixtures("both_databases")
def test_a_replay_reads_with_the_declarations_of_now(
    command: Command, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "types.yaml"
    monkeypatch.setenv("RECORD_TYPES_FILE", str(file))
    extended = "extend:\n  customer:\n    columns:\n      custentity_region: {{kind: text, length: {}}}\n"
    file.write_text(extended.format(4))
    import_type("customer")
    (rejected,) = numbers(command("rejects", "list", "--reason", "too_long").output, "customer")[:1]
    assert int(rejected) > 0

    file.write_text(extended.format(64))
    assert command("db", "upgrade", "--widen").exit_code == 0
    answer = command("rejects", "replay", "--field", "custentity_region")
    assert answer.exit_code == 0, answer.errors
    assert numbers(answer.output, "customer") == [rejected, rejected, "0", "0", "0"]
    assert int(rejected) == query(engine, "SELECT COUNT(*) FROM customers WHERE LENGTH(custentity_region) > 4")[0][0]


def test_lines_are_replayed_by_their_transaction(
    command: Command, sandbox: SandboxServer, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_module, "load_catalog", load_catalog)
    sandbox.faults.add(Fault(match="order by", row=1, kind=FaultKind.REPLACE, column="quantity", value="many"))
    import_type("transaction_line")
    [(key, first)] = query(engine, "SELECT row_key, key_first FROM import_rejects")
    assert command("rejects", "replay", "--dry-run").output.splitlines()[1].split()[-1] == f"{first}..{first}"
    assert command("rejects", "replay").exit_code == 0
    transaction, line = key.split(":")
    loaded = f"SELECT COUNT(*) FROM transaction_lines WHERE transaction_id = {transaction} AND refid = {line}"
    assert query(engine, loaded) == [(1,)]


def test_a_row_without_a_key_is_replayed_with_its_batch(
    command: Command, sandbox: SandboxServer, customers: list[int], engine: sa.Engine
) -> None:
    sandbox.faults.add(Fault(match="order by", row=2, kind=FaultKind.DROP_KEY, column="refid"))
    import_type("customer")
    answer = command("rejects", "replay")
    assert (answer.exit_code, numbers(answer.output, "customer")) == (0, ["1", "0", "1", "0", "0"])
    assert imported_at(engine).keys() == {*customers}


def test_a_row_that_is_gone_from_netsuite_is_no_reject_any_more(
    command: Command, sandbox: SandboxServer, customers: list[int], engine: sa.Engine
) -> None:
    reject(engine, "customer", too_long(NOBODY))
    answer = command("rejects", "replay")
    assert (answer.exit_code, numbers(answer.output, "customer")) == (0, ["1", "0", "1", "0", "0"])


def test_many_rejects_in_a_row_are_rejected_again_and_fail_nothing(
    command: Command, sandbox: SandboxServer, customers: list[int]
) -> None:
    spoil(sandbox, *customers)
    import_type("customer")
    answer = command("rejects", "replay")
    assert len(customers) > 20
    count = str(len(customers))
    assert numbers(answer.output, "customer") == [count, "0", "0", count, "0", "too_long", count]


def test_neighbours_that_are_rejected_for_the_first_time_are_said(
    command: Command, sandbox: SandboxServer, customers: list[int]
) -> None:
    spoil(sandbox, customers[0], customers[2])
    import_type("customer")
    sandbox.dataset.put("customer", [{"id": customers[0], "phone": None}, {"id": customers[2], "phone": None}])
    spoil(sandbox, customers[1])
    answer = command("rejects", "replay")
    assert answer.exit_code == 1
    assert "customer: 1 rows beside them, which were not rejected before, are now." in answer.output


def test_a_type_that_is_not_declared_any_more_is_said_and_the_others_are_replayed(
    command: Command, sandbox: SandboxServer, engine: sa.Engine
) -> None:
    reject(engine, "customrecord_old", too_long(1))
    reject(engine, "customer", too_long(NOBODY))
    answer = command("rejects", "replay")
    assert answer.exit_code == 1
    assert "customrecord_old is not declared any more" in answer.output
    assert numbers(answer.output, "customer")[:3] == ["1", "0", "1"]


def test_a_range_that_an_import_has_written_meanwhile_is_read_once_more(
    command: Command, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(engine, "customer", too_long(NOBODY))
    load, failures = BatchLoader.load, [StaleRead("another run committed it")]

    def stale_at_first(*arguments: Any, **names: Any) -> Ledger:
        if failures:
            raise failures.pop()
        return load(*arguments, **names)

    monkeypatch.setattr(BatchLoader, "load", stale_at_first)
    assert command("rejects", "replay").exit_code == 0
    failures += [StaleRead("another run committed it")] * 2
    reject(engine, "customer", too_long(NOBODY))
    answer = command("rejects", "replay")
    assert (answer.exit_code, numbers(answer.output, "customer")) == (1, ["1", "0", "0", "0", "1"])
    assert "customer 1..1000 failed: another run committed it" in answer.output


def test_a_refused_login_stops_the_replay_and_the_next_one_sends_nothing(
    command: Command, sandbox: SandboxServer, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETSUITE_TOKEN_SECRET", "wrong")
    for name in ("subsidiary", "location", "customer"):
        reject(engine, name, too_long(1))
    failures = sandbox.account.authenticator.failures
    answer = command("rejects", "replay")
    assert answer.exit_code == 1
    assert "The replay stopped: " in answer.errors
    assert numbers(answer.output, "customer") == ["1", "0", "0", "0", "1"]
    assert command("rejects", "replay").exit_code == 1
    assert sandbox.account.authenticator.failures == failures + 2


def test_a_replay_gives_up_when_netsuite_does_not_answer(
    command: Command, sandbox: SandboxServer, engine: sa.Engine
) -> None:
    for name in ("subsidiary", "location", "price_level", "customer"):
        reject(engine, name, too_long(1))
    sandbox.faults.add(Fault(kind=FaultKind.UNAVAILABLE, times=None))
    answer = command("rejects", "replay")
    assert answer.exit_code == 1
    assert answer.output.count(" failed: ") == 3
    assert "The replay stopped: " in answer.errors


def test_an_interrupted_replay_shows_what_is_committed(
    command: Command, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("subsidiary", "customer"):
        reject(engine, name, too_long(NOBODY))
    run = Replay.run

    def interrupted(self: Replay, plans: Any) -> Iterator[RangeReplayed]:
        yield next(run(self, plans))
        raise KeyboardInterrupt

    monkeypatch.setattr(command_module.Replay, "run", interrupted)
    answer = command("rejects", "replay")
    assert answer.exit_code == 130
    assert numbers(answer.output, "subsidiary") == ["1", "0", "1", "0", "0"]
    assert numbers(answer.output, "customer") == ["1", "0", "0", "0", "1"]
    assert query(engine, "SELECT record_type FROM import_rejects WHERE resolved_at IS NULL") == [("customer",)]


def test_a_dry_run_shows_ranges_and_requests_and_reads_nothing(
    command: Command, sandbox: SandboxServer, engine: sa.Engine
) -> None:
    reject(engine, "customer", too_long(5), too_long(100), too_long(700))
    answer = command("rejects", "replay", "--dry-run")
    assert answer.exit_code == 0
    assert numbers(answer.output, "customer") == ["3", "2", "3", "5..100,", "700..700"]
    assert "About 3 requests" in answer.output
    assert sandbox.stats.total_queries == 0


def test_list_shows_groups_and_rows_and_how_many_are_not_shown(command: Command, engine: sa.Engine) -> None:
    reject(engine, "customer", *(too_long(number) for number in range(1, 61)))
    reject(engine, "vendor", too_long(7, detail="\x1b[31mred[/] 7\x07"))
    answer = command("rejects", "list")
    assert numbers(answer.output, "customer")[0] == "60"
    assert "too_long in phone" in answer.output
    assert " 60: 80 characters, the column holds 64" in answer.output
    assert " 7: \\x1b[31mred[/] 7\\x07" in answer.output
    assert "1 more groups are not shown" in command("rejects", "list", "--limit", "1").output
    rows = command("rejects", "list", "--rows", "--types", "customer,vendor")
    assert len(rows.output.splitlines()) == 1 + 2 * 50 + 1
    assert "11 more rows are not shown; --limit shows more." in rows.output


def test_a_filter_that_matches_nothing_says_what_there_is(command: Command, engine: sa.Engine) -> None:
    reject(engine, "customer", too_long(1), too_long(2))
    said = "No open reject is like that. There are 2 customer; by reason: 2 too_long."
    for arguments in (["list"], ["list", "--rows"], ["replay"], ["forget"]):
        answer = command("rejects", *arguments, "--types", "nonsense")
        assert (answer.exit_code, answer.output) == (0, f"{said}\n")
    exported = command("rejects", "export", "--format", "json", "--reason", "nonsense")
    assert (exported.output, exported.errors) == ("", f"{said}\n")
    assert command("rejects", "list", "--resolved").output == "There are no resolved rejects.\n"


def test_show_points_at_the_value_and_says_what_to_do(command: Command, engine: sa.Engine) -> None:
    reject(engine, "customer", too_long(7, name="Acme [bold]", Phone="\x1b5"))
    answer = command("rejects", "show", "customer", "7")
    assert answer.exit_code == 0
    assert "customer 7: open, too_long in phone" in answer.output
    assert '  "name": "Acme [bold]"\n' in answer.output
    assert '▶ "Phone": "\\u001b5"\n' in answer.output
    assert "netsuite-pipeline rejects replay --types customer --reason too_long" in answer.output
    unknown = command("rejects", "show", "customer", "8")
    assert unknown.exit_code == 1
    assert unknown.errors == "There is no reject of customer 8, open or resolved. There are 1 customer.\n"


def test_json_has_every_value_as_it_is(command: Command, engine: sa.Engine) -> None:
    reject(engine, "customer", too_long(7, detail='=1+1\n"', amount=1.50, big=2**70, half="\ud83d"))
    (line,) = command("rejects", "export", "--format", "json").output.splitlines()
    exported = json.loads(line)
    assert tuple(exported) == COLUMNS
    assert exported["payload"] == {"amount": 1.5, "big": 2**70, "half": "\ud83d"}
    assert (exported["detail"], exported["row_key"], exported["job_id"]) == ('=1+1\n"', "7", "night")
    [(stored,)] = query(engine, "SELECT payload FROM import_rejects")
    assert stored in line


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_holds_no_text_that_a_spreadsheet_would_compute(command: Command, engine: sa.Engine, begins: str) -> None:
    reject(engine, "customer", too_long(7, detail=f'{begins}cmd|"x",\n1', phone="5"))
    (row,) = csv.DictReader(io.StringIO(command("rejects", "export").output, newline=""))
    assert row["detail"] == f'\'{begins}cmd|"x",\n1'
    assert json.loads(row["payload"]) == {"phone": "5"}
    assert (row["record_type"], row["row_key"], row["resolved_at"]) == ("customer", "7", "")


def test_an_export_has_every_column_that_is_kept() -> None:
    assert {*COLUMNS} == {field.name for field in fields(Reject)} - {"id", "key_first"}


def test_an_exported_file_is_there_as_a_whole_or_not_at_all(
    command: Command, engine: sa.Engine, tmp_path: Path
) -> None:
    reject(engine, "customer", too_long(1), too_long(2))
    target = tmp_path / "rejects.csv"
    answer = command("rejects", "export", "--output", str(target))
    assert (answer.exit_code, answer.output) == (0, "")
    assert f"2 rejects are in {target}." in answer.errors
    assert len(target.read_text().splitlines()) == 3
    kept = target.read_bytes()

    def interrupted() -> None:
        with atomic_file(target) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == kept
    assert list(tmp_path.glob("*rejects.csv*")) == [target]
    nowhere = command("rejects", "export", "--output", str(tmp_path / "nowhere" / "file"))
    assert (nowhere.exit_code, nowhere.errors.count("\n")) == (2, 1)


def test_forgetting_open_rejects_needs_a_filter_and_a_yes(
    command: Command, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reject(engine, "customer", too_long(1), too_long(2))
    reject(engine, "vendor", too_long(7))
    refused = command("rejects", "forget")
    assert (refused.exit_code, refused.errors.count("\n")) == (2, 1)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command("rejects", "forget", "--types", "customer").exit_code == 1
    assert query(engine, "SELECT COUNT(*) FROM import_rejects") == [(3,)]
    answer = command("rejects", "forget", "--types", "customer", "--yes")
    assert (answer.exit_code, answer.output) == (0, "2 open rejects are forgotten.\n")
    assert query(engine, "SELECT record_type FROM import_rejects") == [("vendor",)]


def test_forgetting_resolved_rejects_asks_nothing_and_leaves_the_open_ones(command: Command, engine: sa.Engine) -> None:
    reject(engine, "customer", too_long(1), too_long(2))
    reject(engine, "customer", too_long(2))
    answer = command("rejects", "forget", "--resolved")
    assert (answer.exit_code, answer.output) == (0, "1 resolved rejects are forgotten.\n")
    assert query(engine, "SELECT row_key FROM import_rejects") == [("2",)]


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "customer", "1"], ["export"], ["replay"], ["forget", "--resolved"]],
    ids=lambda arguments: str(arguments[0]),
)
def test_without_any_import_every_command_is_one_sentence_and_makes_no_file(
    command: Command, tmp_path: Path, arguments: list[str]
) -> None:
    answer = command("rejects", *arguments)
    assert answer.exit_code == 0
    assert answer.output + answer.errors == "There has been no import yet, so there are no rejects.\n"
    assert not (tmp_path / "warehouse.db").exists()
