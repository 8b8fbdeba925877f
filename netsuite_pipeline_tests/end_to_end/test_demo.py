"""`make demo`'s command: complete, checked, repeatable, and gone when it is interrupted."""

import datetime as dt
import inspect
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil

from netsuite_pipeline.cli.demo import demo, verdict
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.waves.model import Job, JobStatus
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline_tests.end_to_end.stack import BIN, PROJECT, clean_environment, processes_that
from netsuite_pipeline_tests.waiting import wait_for

_SECONDS = 600


def test_a_demo_survives_its_interruption_and_the_next_one_completes_it(
    tmp_path: Path,
) -> None:
    first = _start(tmp_path, "first.log")
    wait_for(lambda: "is planned" in (tmp_path / "first.log").read_text(), seconds=_SECONDS, what="the plan")
    wait_for(lambda: _some_batch(tmp_path), seconds=_SECONDS, what="a batch")

    first.send_signal(signal.SIGINT)
    first.wait(timeout=180)

    assert first.returncode != 0
    assert not _processes_of(tmp_path)

    shown = _finished(tmp_path, "second.log")
    assert "it goes on where it was" in shown
    assert "every count agrees with NetSuite's" in shown
    assert not _processes_of(tmp_path)
    rows = [line.split() for line in shown.split("Record type")[-1].split("\nComplete: ")[0].splitlines()[1:]]
    assert sorted(row[0] for row in rows) == sorted(CATALOG.names)


def test_a_demo_that_found_nothing_new_says_so() -> None:
    job = Job(
        job_id="job",
        status=JobStatus.COMPLETED,
        record_types=(),
        with_dependencies=True,
        trigger="demo",
        created_at=dt.datetime.fromisoformat("2026-11-23T02:00:00"),
    )
    summary = JobSummary(job=job, types=(), waves=(), failed_batches=())
    assert "nothing had changed, so no row was written" in verdict(summary, agree=True, written=0)
    assert "7 rows were written" in verdict(summary, agree=True, written=7)
    assert "not complete" in verdict(summary, agree=False, written=0)


def test_a_demo_is_large_enough_to_be_worth_looking_at() -> None:
    assert inspect.signature(demo).parameters["records"].default >= 20_000


def _finished(directory: Path, log: str) -> str:
    """What another demo in the same folder printed; it succeeded."""
    demo = _start(directory, log)
    demo.wait(timeout=_SECONDS)
    shown = (directory / log).read_text()
    assert demo.returncode == 0, shown
    return shown


def _start(directory: Path, log: str) -> subprocess.Popen[bytes]:
    with (directory / log).open("w") as output:
        return subprocess.Popen(
            [str(BIN / "netsuite-pipeline"), "demo", "--records", "3000", "--directory", str(directory / "demo")],
            cwd=PROJECT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _some_batch(directory: Path) -> bool:
    with closing(sqlite3.connect(directory / "demo" / "warehouse.db")) as connection:
        return bool(connection.execute("SELECT COUNT(*) FROM wave_batches WHERE status = 'completed'").fetchone()[0])


def _processes_of(directory: Path) -> list[psutil.Process]:
    """Every process that still works in the demo's folder, by its environment or its arguments."""
    return processes_that(lambda text: str(directory / "demo") in text)
