"""Whether NetSuite answers, looked at before each look of the dispatcher: the circuit breaker at work.

When it opens and closes is decided in `waves.circuit`; what it holds up, in `waves.coordinator`.
"""

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from netsuite_pipeline.netsuite.errors import NetSuiteError, TransientError
from netsuite_pipeline.netsuite.suiteql import ZONE_QUERY
from netsuite_pipeline.orchestration.resources import PipelineResource
from netsuite_pipeline.waves.circuit import Circuit
from netsuite_pipeline.waves.store import WaveStore

# A sensor's answer is due after 60 s. Whoever takes longer for a question without a record type is of no use.
_PROBE_TIMEOUT_SECONDS = 15.0

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SourceWatch:
    """Watches the NetSuite account called `account`. `ask` raises a TransientError while it does not answer."""

    store: WaveStore
    account: str
    ask: Callable[[], None]

    def look(self, now: dt.datetime) -> Circuit:
        """The circuit after a probe, if one is due: as planned while it is open, otherwise because batches failed."""
        circuit = self.store.circuit(self.account)
        doubt = None if circuit.is_open else self.store.doubt(circuit)
        if doubt is None and not circuit.is_due(now):
            return circuit
        try:
            self.ask()
        except TransientError as error:
            after = circuit.unanswered(error.said, now)
            _LOGGER.warning("%s", after.waiting_for)
        else:
            after = circuit.answered(now)
            if circuit.is_open:
                _LOGGER.warning("NetSuite answers again after %s.", now - (circuit.opened_at or now))
        self.store.save_circuit(self.account, after)
        return after


def asking(pipeline: PipelineResource) -> Callable[[], None]:
    """Asks the account of the settings one small question, once. Any answer is one, also a refusal."""

    def ask() -> None:
        with pipeline.client(timeout=_PROBE_TIMEOUT_SECONDS, attempts=1) as client:
            try:
                client.query(ZONE_QUERY)
            except TransientError:
                raise
            except NetSuiteError as error:
                # A refused login stops the jobs when their next batches meet it, and says so there.
                _LOGGER.info("NetSuite answers: %s", error)

    return ask
