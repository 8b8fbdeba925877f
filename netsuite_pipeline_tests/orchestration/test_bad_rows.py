"""Rows that cannot be loaded: recorded with reason and payload, while their batch goes on and its ledger adds up."""

from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from netsuite_pipeline.sandbox.faults import Fault, FaultKind
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline_tests.orchestration.runs import batches, materializations, plan, run_batches


@pytest.mark.usefixtures("both_databases")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": FaultKind.DROP_KEY, "column": "refid"}, "missing_key"),
        ({"kind": FaultKind.EXTRA_COLUMN, "column": "new", "value": "1"}, "unknown_column"),
        (
            {"kind": FaultKind.REPLACE, "column": "datecreated", "value": "2026-02-30 00:00:00"},
            "invalid_date",
        ),
        ({"kind": FaultKind.REPLACE, "column": "creditlimit", "value": "much"}, "invalid_number"),
    ],
    ids=["no id", "unknown column", "impossible date", "no number"],
)
def test_a_bad_row_is_kept_with_its_reason_until_it_loads_and_its_batch_goes_on(
    sandbox: SandboxServer,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    engine: Engine,
    fault: dict[str, Any],
    reason: str,
) -> None:
    assert plan(definitions, instance, "customer").success
    first = batches(instance, "customer")[:1]
    sandbox.faults.add(Fault(match="order by", row=2, **fault))

    assert run_batches(definitions, instance, "customer", first).success

    [[ledger]] = materializations(instance, "customer").values()
    assert ledger["rejected"] == 1
    assert ledger["expected"] == ledger["fetched"] == ledger["inserted"] + 1
    query = text("SELECT reason, payload FROM import_rejects WHERE record_type = 'customer' AND resolved_at IS NULL")
    with engine.connect() as connection:
        [(kept, payload)] = connection.execute(query).all()
    assert kept == reason
    assert "entityid" in payload

    assert run_batches(definitions, instance, "customer", first).success
    with engine.connect() as connection:
        assert connection.execute(query).all() == []
