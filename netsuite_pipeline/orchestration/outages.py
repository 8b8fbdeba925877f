"""Whether NetSuite answers, looked at before each look of the dispatcher: the circuit breaker at work.

When it opens and closes is decided in `waves.circuit`; what it holds up, in `waves.coordinator`.
"""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.waves.circuit import Circuit
from netsuite_pipeline.waves.store import WaveStore

# A sensor's answer is due after 60 s. Whoever takes longer for a question without a record type is of no use.
_PROBE_TIMEOUT_SECONDS = 15.0

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SourceWatch:
    """Watches the NetSuite account called `account`. `ask` says what comes instead of an answer."""

    store: WaveStore
    account: str
    ask: Callable[[], str | None]

    def look(self, now: dt.datetime) -> Circuit:
        """The circuit after a probe, if one is due: as planned while it is open, otherwise because batches failed."""
        circuit = self.store.circuit(self.account)
        is_due = circuit.is_due(now) if circuit.is_open else self.store.is_in_doubt(circuit)
        if not is_due:
            return circuit
        silence = self.ask()
        if silence is None:
            after = circuit.answered(now)
            if circuit.is_open:
                _LOGGER.warning("NetSuite answers again after %s.", now - (circuit.opened_at or now))
        else:
            after = circuit.unanswered(silence, now)
            _LOGGER.warning("%s", after.waiting_for)
        self.store.save_circuit(self.account, after)
        return after


def asking(pipeline: PipelineResource) -> Callable[[], str | None]:
    """Asks the account of the settings one small question, once: what comes instead of an answer, None if one does."""

    def ask() -> str | None:
        with pipeline.client(timeout=_PROBE_TIMEOUT_SECONDS, attempts=1) as client:
            # A refused login stops the jobs when their next batches meet it, and says so there.
            return client.silence()

    return ask
