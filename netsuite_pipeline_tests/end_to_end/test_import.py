"""A whole import, as a user starts it: command, daemon, waves, NetSuite over HTTP, database."""

import itertools
import json

import sqlalchemy as sa

from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.sandbox.keys import KeyPair
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.warehouse.engine import connect
from netsuite_pipeline.warehouse.totals import written_rows
from netsuite_pipeline.waves.model import JobStatus, TypeStatus
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.end_to_end.conftest import StartStack, environment_of
from netsuite_pipeline_tests.end_to_end.exactness import assert_exact
from netsuite_pipeline_tests.end_to_end.leaks import assert_no_secret_is_left

# Everything is imported by the demo's test, and compared value by value in those of the nights.
TYPES = ("item_fulfillment", "project", "opportunity")
IMPORT = ("import", "start", "--watch", "--types", ",".join(TYPES))
AGAIN = ("import", "start", "--watch", "--types", "customer,opportunity", "--no-dependencies")


def test_an_import_of_three_levels_is_exact_and_the_second_one_writes_nothing(
    sandbox: SandboxServer, key_pair: KeyPair, start_stack: StartStack
) -> None:
    # With a certificate; the other one has tokens.
    stack = start_stack(environment_of(sandbox, private_key=key_pair.private_key), database="mariadb")
    stack.start_daemon()

    first = stack.command(*IMPORT)

    engine = connect(stack.environment["WAREHOUSE_URL"])
    store = WaveStore(engine)
    job = store.latest_job()
    assert job is not None
    assert job.status is JobStatus.COMPLETED, first.stdout
    chosen = CATALOG.select(TYPES, dependencies=True)
    rejected = sum(assert_exact(sandbox.dataset, engine, record_type) for record_type in chosen)
    # Exit code 0: a pipeline that imports has no error.
    findings = json.loads(stack.command("doctor", "--json").stdout)
    assert len(findings) > len(CATALOG)
    assert rejected > 0, "the sandbox holds rows that no database can take; they have to be rejected"
    assert sandbox.stats.peak_in_flight <= 5
    _assert_levels_in_order(engine, job.job_id)

    before = _row_versions(engine)
    stack.command(*AGAIN)

    second = store.latest_job()
    assert second is not None
    assert second.job_id != job.job_id
    assert second.status is JobStatus.COMPLETED
    assert sum(written_rows(engine, second.job_id).values()) == 0
    assert _row_versions(engine) == before
    engine.dispose()
    assert_no_secret_is_left(stack, sandbox)


def test_a_table_that_the_account_lacks_is_unavailable_and_the_rest_goes_on(
    sandbox: SandboxServer, start_stack: StartStack
) -> None:
    sandbox.availability.set_table("location", available=False)
    stack = start_stack(environment_of(sandbox), database="sqlite")
    stack.start_daemon()

    done = stack.command("import", "start", "--types", "location,price_level,customer", "--watch", check=False)

    assert done.returncode == 1, done.stdout
    assert "location is unavailable" in done.stdout
    engine = connect(stack.environment["WAREHOUSE_URL"])
    store = WaveStore(engine)
    job = store.latest_job()
    assert job is not None
    assert job.status is JobStatus.PARTIAL
    kinds = {kind.record_type: kind for kind in store.job_summary(job.job_id).types}
    assert kinds["location"].status is TypeStatus.UNAVAILABLE
    assert "Record 'location' was not found" in str(kinds["location"].reason)
    assert_exact(sandbox.dataset, engine, CATALOG.get("customer"))
    engine.dispose()
    assert_no_secret_is_left(stack, sandbox)


def _assert_levels_in_order(engine: sa.Engine, job_id: str) -> None:
    """No batch was dispatched before every batch of the levels below it was over."""
    query = sa.text(
        "SELECT w.dependency_level, MIN(b.dispatched_at), MAX(b.completed_at) FROM wave_batches b"
        " JOIN wave_coordination w ON w.job_id = b.job_id AND w.wave_number = b.wave_number"
        " WHERE b.job_id = :job GROUP BY w.dependency_level ORDER BY w.dependency_level"
    )
    with engine.connect() as connection:
        levels = connection.execute(query, {"job": job_id}).all()
    assert [level for level, _, _ in levels] == [0, 1, 2]
    for (_, _, ended), (_, started, _) in itertools.pairwise(levels):
        assert str(ended) <= str(started)


def _row_versions(engine: sa.Engine) -> dict[str, list[object]]:
    """When each row was last written, by table: an update that changes nothing else would show here."""
    versions: dict[str, list[object]] = {}
    with engine.connect() as connection:
        for table in sorted({record_type.table for record_type in CATALOG}):
            query = sa.text(f"SELECT imported_at, COUNT(*) FROM {table} GROUP BY imported_at ORDER BY imported_at")
            versions[table] = [tuple(row) for row in connection.execute(query)]
    return versions
