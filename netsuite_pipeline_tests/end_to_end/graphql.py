"""What Dagster's pages ask of the web server, as functions: backfills, colours, a schedule's tick."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from netsuite_pipeline_tests.end_to_end.stack import WebServer
from netsuite_pipeline_tests.waiting import wait_for

_LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_STATE = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status error { message } }
  }
}
"""
_COLOURS = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetPartitionStatuses {
        ... on DefaultPartitionStatuses {
          materializedPartitions failedPartitions unmaterializedPartitions materializingPartitions
        }
      }
    }
  }
}
"""
_LAUNCH_RUN = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
_SCHEDULED_JOB = """
query ($selector: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $selector) { ... on Schedule { pipelineName } }
}
"""
_DRY_RUN = """
mutation ($selector: ScheduleSelector!, $timestamp: Float!) {
  scheduleDryRun(selectorData: $selector, timestamp: $timestamp) {
    __typename
    ... on DryRunInstigationTick {
      evaluationResult { runRequests { runKey runConfigYaml jobName tags { key value } } error { message } }
    }
  }
}
"""
_RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }
"""
_REPOSITORY = {"repositoryLocationName": "netsuite_pipeline", "repositoryName": "__repository__"}
_ENDED = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


@dataclass(frozen=True, kw_only=True)
class Colours:
    """The partitions of an asset as its page shows them."""

    green: set[str]
    red: set[str]
    grey: set[str]


def backfill(server: WebServer, assets: list[str], *, partitions: list[str] | None = None, seconds: float = 900) -> str:
    """Launches a backfill of every batch (or the named ones) and waits for its end; returns its final status."""
    return end_of_backfill(server, start_backfill(server, assets, partitions=partitions), seconds=seconds)


def start_backfill(server: WebServer, assets: list[str], *, partitions: list[str] | None = None) -> str:
    """Launches a backfill of every batch (or the named ones); returns its id."""
    what: dict[str, Any] = {"partitionNames": partitions} if partitions else {"allPartitions": True}
    params = {"assetSelection": [{"path": [asset]} for asset in assets], **what}
    launched = server.query(_LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def end_of_backfill(server: WebServer, backfill_id: str, *, seconds: float = 900) -> str:
    """Waits for the end of a backfill and returns its final status."""

    def ended() -> str | None:
        state = server.query(_STATE, id=backfill_id)["partitionBackfillOrError"]
        return state["status"] if state["status"] in _ENDED else None

    return str(wait_for(ended, seconds=seconds, what=f"the backfill {backfill_id}", every=1))


def colours(server: WebServer, asset: str) -> Colours:
    """The batches of an asset by colour; none while the web server does not know the asset yet."""
    node = server.query(_COLOURS, key={"path": [asset]})["assetNodeOrError"]
    statuses: dict[str, list[str]] = node.get("assetPartitionStatuses", {})
    return Colours(
        green=set(statuses.get("materializedPartitions", ())),
        red=set(statuses.get("failedPartitions", ())),
        grey={*statuses.get("unmaterializedPartitions", ()), *statuses.get("materializingPartitions", ())},
    )


def nightly_tick(server: WebServer, *, after: dt.datetime) -> dict[str, Any]:
    """The one run that the code server requests at the first tick of `nightly_import` after a moment."""
    selector = {**_REPOSITORY, "scheduleName": "nightly_import"}
    tick = server.query(_DRY_RUN, selector=selector, timestamp=after.timestamp())["scheduleDryRun"]
    assert tick["__typename"] == "DryRunInstigationTick", tick
    assert tick["evaluationResult"]["error"] is None, tick
    (request,) = tick["evaluationResult"]["runRequests"]
    # A request that names no job means the schedule's own.
    job = server.query(_SCHEDULED_JOB, selector=selector)["scheduleOrError"]["pipelineName"]
    return request | {"jobName": request["jobName"] or job}


def launch(server: WebServer, request: dict[str, Any], *, seconds: float = 360) -> str:
    """Launches a requested run as Dagster's pages do, and waits until it has succeeded; returns the run's id."""
    run_id = start_run(server, request)

    def status() -> str | None:
        state = server.query(_RUN, id=run_id)["runOrError"]["status"]
        return state if state in {"SUCCESS", "FAILURE", "CANCELED"} else None

    assert wait_for(status, seconds=seconds, what=f"the run of {request['jobName']}") == "SUCCESS"
    return run_id


def start_run(server: WebServer, request: dict[str, Any]) -> str:
    """Launches a requested run as Dagster's pages do; returns its id."""
    params = {
        "selector": {**_REPOSITORY, "jobName": request["jobName"]},
        "mode": "default",
        "runConfigData": request["runConfigYaml"],
        "executionMetadata": {"tags": request["tags"]},
    }
    answer = server.query(_LAUNCH_RUN, params=params)
    assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
    return str(answer["launchRun"]["run"]["runId"])
