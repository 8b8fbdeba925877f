"""Following an import until it ends. What is shown is in `progress`."""

import time
from collections.abc import Callable

from rich.live import Live

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.cli.progress import status_view
from netsuite_pipeline.waves.model import OPEN_JOBS, JobStatus
from netsuite_pipeline.waves.progress import JobSummary
from netsuite_pipeline.waves.store import WaveStore

_POLL_SECONDS = 1.0
# Without a terminal, one line now and then keeps a log readable.
_LOG_SECONDS = 10.0
_IDLE_SECONDS = 60.0

Cautions = Callable[[JobSummary], list[str]]


class _Patience:
    """Notices when nothing is being done, because then nobody is there who would do it."""

    def __init__(self) -> None:
        self._busy_at = time.monotonic()

    def hint(self, summary: JobSummary) -> list[str]:
        """A sentence after a minute in which no batch was in flight."""
        waits = any(wave.retrying for wave in summary.waves) or summary.job.status is JobStatus.PLANNING
        if summary.in_flight or summary.job.paused_at is not None or waits:
            self._busy_at = time.monotonic()
        if time.monotonic() - self._busy_at < _IDLE_SECONDS:
            return []
        return ["No batch is in flight. Is dagster-daemon running with this DAGSTER_HOME, and wave_dispatcher on?"]


def watch(
    store: WaveStore, job_id: str, *, check: Callable[[], None] = lambda: None, cautions: Cautions = lambda _: []
) -> JobSummary:
    """Shows the progress of a job until it has ended, and returns its summary.

    `check` is called at every look and may raise, e.g. because the process that does the work is gone. `cautions` says
    what else to show.
    """
    if not results.is_terminal:
        return _follow_in_lines(store, job_id, check, cautions)
    patience = _Patience()
    with Live(console=results, refresh_per_second=4, transient=False) as live:
        while True:
            check()
            summary = store.job_summary(job_id)
            said = cautions(summary)
            live.update(status_view(summary, said or patience.hint(summary)))
            if summary.job.status not in OPEN_JOBS:
                return summary
            time.sleep(_POLL_SECONDS)


def _follow_in_lines(store: WaveStore, job_id: str, check: Callable[[], None], cautions: Cautions) -> JobSummary:
    last_shown = float("-inf")
    patience = _Patience()
    while True:
        check()
        summary = store.job_summary(job_id)
        ended = summary.job.status not in OPEN_JOBS
        if ended or time.monotonic() - last_shown > _LOG_SECONDS:
            results.print(status_view(summary, cautions(summary) or patience.hint(summary)))
            last_shown = time.monotonic()
        if ended:
            return summary
        time.sleep(_POLL_SECONDS)
