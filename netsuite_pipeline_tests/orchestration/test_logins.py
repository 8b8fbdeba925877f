"""Wrong credentials: however many runs there are, the login is tried twice, until someone mends it."""

import datetime as dt
import logging
from dataclasses import replace

import dagster as dg
import pytest

from netsuite_pipeline.orchestration.import_start import start_import
from netsuite_pipeline.orchestration.partitions import PartitionRegistry
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.orchestration.wave_dispatch import WaveDispatcher
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.sandbox.server import SandboxServer
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.warehouse import logins
from netsuite_pipeline.waves.limits import Limits
from netsuite_pipeline.waves.model import JobStatus, utc_now
from netsuite_pipeline.waves.store import WaveStore
from netsuite_pipeline_tests.orchestration.runs import batches, error_of, plan, run_batches, run_request

WRONG = "wrong-5d1c"


@pytest.fixture
def keys(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """The batches of customers, planned while the credentials were right."""
    assert plan(definitions, instance, "customer").success
    return batches(instance, "customer")


@pytest.fixture
def failures(keys: list[str], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on the token secret is wrong; the number of refused logins before."""
    monkeypatch.setenv("NETSUITE_TOKEN_SECRET", WRONG)
    return [sandbox.account.authenticator.failures]


def _refused(sandbox: SandboxServer, failures: list[int]) -> int:
    return sandbox.account.authenticator.failures - failures[0]


def test_runs_after_the_first_refusal_send_nothing(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    sandbox: SandboxServer,
    failures: list[int],
) -> None:
    first = run_batches(definitions, instance, "customer", keys[:2])
    second = run_batches(definitions, instance, "customer", keys[2:4])
    assert not first.success
    assert not second.success
    assert _refused(sandbox, failures) == 2
    assert "NetSuite refused these credentials lately" in error_of(second)
    assert WRONG not in error_of(first) + error_of(second)


def test_a_wave_import_stops_and_says_why(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    store: WaveStore,
    sandbox: SandboxServer,
    failures: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUN_BATCHES", "2")
    limits = Limits.of(Settings.load())
    dispatcher = WaveDispatcher(instance=instance, store=store, limits=limits, record_types=CATALOG.names)
    (job,) = store.open_jobs()
    for _ in range(3):
        for answer in dispatcher.tick():
            if isinstance(answer, dg.RunRequest):
                run_request(definitions, instance, answer)

    ended = store.job(job.job_id)
    assert ended.status is JobStatus.FAILED
    assert "NetSuite refused the login" in str(ended.failure_reason)
    failed = store.job_summary(job.job_id).failed_batches
    assert {batch.category for batch in failed} == {FailureCategory.AUTHENTICATION}
    assert _refused(sandbox, failures) == 2


def test_other_credentials_are_tried_at_once(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    sandbox: SandboxServer,
    failures: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_batches(definitions, instance, "customer", keys[:1])
    monkeypatch.setenv("NETSUITE_TOKEN_SECRET", sandbox.credentials.token_secret)
    assert run_batches(definitions, instance, "customer", keys[:1]).success


def test_the_same_credentials_are_tried_again_after_half_an_hour(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    sandbox: SandboxServer,
    failures: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_batches(definitions, instance, "customer", keys[:1])
    monkeypatch.setattr(logins, "utc_now", lambda: utc_now() + dt.timedelta(minutes=31))
    run_batches(definitions, instance, "customer", keys[:1])
    assert _refused(sandbox, failures) == 4


def test_a_person_who_mended_them_in_netsuite_need_not_wait(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    sandbox: SandboxServer,
    failures: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_batches(definitions, instance, "customer", keys[:1])
    # The account has a new secret, and it is the one that was refused.
    mended = replace(sandbox.credentials, token_secret=WRONG)
    monkeypatch.setattr(sandbox.account.authenticator, "credentials", mended)
    start_import(
        pipeline=PipelineResource(),
        catalog=CATALOG,
        registry=PartitionRegistry(instance),
        job_id="by-hand",
        names=["customer"],
        dependencies=False,
        trigger="test",
        insist=True,
    )
    assert run_batches(definitions, instance, "customer", keys[:1]).success


def test_what_is_remembered_of_credentials_tells_nothing_of_them(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: list[str],
    store: WaveStore,
    failures: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        run_batches(definitions, instance, "customer", keys[:1])
    with store.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM refused_logins").all()
    assert len(row[0]) == 32
    assert WRONG not in str(row) + caplog.text
