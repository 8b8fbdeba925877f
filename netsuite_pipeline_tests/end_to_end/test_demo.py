"""`make demo`'s command: complete, checked, repeatable, and gone when it is interrupted."""

import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psutil

from netsuite_pipeline_tests.end_to_end.stack import BIN, PROJECT, wait_for

COMMAND = [str(BIN / "netsuite-pipeline"), "demo", "--records", "3000"]


def test_an_interrupted_demo_leaves_nothing_running_and_the_next_one_completes_it(tmp_path: Path) -> None:
    demo = _start(tmp_path, "first.log")
    wait_for(lambda: "is planned" in (tmp_path / "first.log").read_text(), seconds=120, what="the plan")
    wait_for(lambda: _some_batch(tmp_path), seconds=120, what="a batch")

    demo.send_signal(signal.SIGINT)
    demo.wait(timeout=60)

    assert demo.returncode != 0
    assert not _processes_of(tmp_path)

    second = _start(tmp_path, "second.log")
    second.wait(timeout=240)

    shown = (tmp_path / "second.log").read_text()
    assert second.returncode == 0, shown
    assert "it goes on where it was" in shown
    assert "every count agrees with NetSuite's" in shown
    assert not _processes_of(tmp_path)


def _start(directory: Path, log: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NETSUITE_", "WAVE_"))}
    with (directory / log).open("w") as output:
        return subprocess.Popen(
            [*COMMAND, "--directory", str(directory / "demo")],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _some_batch(directory: Path) -> bool:
    with closing(sqlite3.connect(directory / "demo" / "warehouse.db")) as connection:
        return bool(connection.execute("SELECT COUNT(*) FROM wave_batches WHERE status = 'completed'").fetchone()[0])


def _processes_of(directory: Path) -> list[str]:
    """Every process that still works in the demo's folder, by its environment or its arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            text = " ".join(process.cmdline()) + " ".join(process.environ().values())
        except psutil.Error:
            continue
        if str(directory / "demo") in text:
            found.append(" ".join(process.cmdline())[:200])
    return found
