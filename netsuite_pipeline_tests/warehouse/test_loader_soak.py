"""Workers that import overlapping ranges survive a killed worker and a killed server.

`python -m benchmarks.soak_loader` does the same for minutes, with kills of all sorts at random.
"""

from collections.abc import Iterator

from netsuite_pipeline_tests.waiting import wait_for
from netsuite_pipeline_tests.warehouse.soak import KILL_CONNECTION, KILL_SERVER, KILL_WORKER, Soak, soaking

_BATCHES = 5


def _kills(soak: Soak) -> Iterator[str]:
    """One of each, every time that some batches more are committed."""
    for number, what in enumerate((KILL_CONNECTION, KILL_WORKER, KILL_SERVER, None), 1):
        wait_for(lambda: soak.committed() >= number * _BATCHES, what="batches", seconds=120, every=0.1)  # noqa: B023
        if what:
            yield what


def test_ranges_that_killed_workers_and_a_killed_server_import_are_exact_at_the_end() -> None:
    with soaking(workers=2, seed=1) as soak:
        report = soak.run(_kills(soak))

    assert report.wrong == []
    assert report.outcomes["committed"] >= 4 * _BATCHES
