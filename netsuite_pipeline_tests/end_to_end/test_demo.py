"""`make demo`'s command: complete, checked, repeatable, and gone when it is interrupted."""

import inspect
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil

from netsuite_pipeline.cli.demo import demo
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline_tests.end_to_end.stack import BIN, PROJECT, clean_environment, processes_that
from netsuite_pipeline_tests.waiting import wait_for

_SECONDS = 600


def test_a_demo_survives_its_interruption_and_the_next_two_complete_it_and_find_nothing_to_write(
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

    table, verdict = _finished(tmp_path, "third.log").split("Record type")[-1].split("\nComplete: ")
    # The verdict is wrapped to 80 columns in a log too.
    assert "nothing had changed, so no row was written" in " ".join(verdict.split())
    rows = [line.split() for line in table.splitlines()[1:]]
    assert sorted(row[0] for row in rows) == sorted(CATALOG.names)
    assert {row[4] for row in rows} == {"0"}, "the column Written"


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
