"""What Dagster's pages ask of the web server, as functions: launching a backfill, reading its state and colours."""

from dataclasses import dataclass
from typing import Any

from netsuite_pipeline_tests.end_to_end.stack import WebServer, wait_for

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
_RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }
"""
_ENDED = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


@dataclass(frozen=True, kw_only=True)
class Colours:
    """The partitions of an asset as its page shows them."""

    green: set[str]
    red: set[str]
    grey: set[str]


def backfill(server: WebServer, assets: list[str], *, partitions: list[str] | None = None, seconds: float = 300) -> str:
    """Launches a backfill of every batch (or the named ones) and waits for its end; returns its final status."""
    what: dict[str, Any] = {"partitionNames": partitions} if partitions else {"allPartitions": True}
    params = {"assetSelection": [{"path": [asset]} for asset in assets], **what}
    launched = server.query(_LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def ended() -> str | None:
        state = server.query(_STATE, id=launched["backfillId"])["partitionBackfillOrError"]
        return state["status"] if state["status"] in _ENDED else None

    return str(wait_for(ended, seconds=seconds, what=f"the backfill of {', '.join(assets)}", every=1))


def colours(server: WebServer, asset: str) -> Colours:
    """The batches of an asset by colour."""
    node = server.query(_COLOURS, key={"path": [asset]})["assetNodeOrError"]
    statuses = node["assetPartitionStatuses"]
    return Colours(
        green=set(statuses["materializedPartitions"]),
        red=set(statuses["failedPartitions"]),
        grey=set(statuses["unmaterializedPartitions"]) | set(statuses["materializingPartitions"]),
    )


def launch_job(server: WebServer, job: str, *, run_config: dict[str, Any], seconds: float = 120) -> str:
    """Launches a job as its launchpad does and waits for its end; returns the run's id."""
    selector = {
        "repositoryLocationName": "netsuite_pipeline",
        "repositoryName": "__repository__",
        "jobName": job,
    }
    answer = server.query(_LAUNCH_RUN, params={"selector": selector, "runConfigData": run_config, "mode": "default"})
    assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
    run_id = str(answer["launchRun"]["run"]["runId"])

    def status() -> str | None:
        state = server.query(_RUN, id=run_id)["runOrError"]["status"]
        return state if state in {"SUCCESS", "FAILURE", "CANCELED"} else None

    assert wait_for(status, seconds=seconds, what=f"the run of {job}") == "SUCCESS"
    return run_id
