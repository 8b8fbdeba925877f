"""Where the circuit of each NetSuite account is kept, and the failures that put its answers in doubt.

When it opens and closes is decided in `circuit`.
"""

from sqlalchemy import Connection, insert, select, update

from netsuite_pipeline.waves.circuit import AWAY, CLOSED, Circuit
from netsuite_pipeline.waves.heartbeat_store import HeartbeatStore
from netsuite_pipeline.waves.model import BatchStatus, JobStatus
from netsuite_pipeline.waves.tables import fit_reason, import_jobs, source_circuits, wave_batches

_ROW = source_circuits.c


class CircuitStore(HeartbeatStore):
    """The circuits. One dispatcher writes; a second one that asks at the same moment writes much the same."""

    def circuit(self, account: str) -> Circuit:
        """The circuit of an account; closed if nobody ever doubted that it answers."""
        row = self._transactions.read(
            lambda connection: connection.execute(select(source_circuits).where(_ROW.account == account)).one_or_none()
        )
        if row is None:
            return CLOSED
        return Circuit(
            opened_at=row.opened_at,
            probe_at=row.probe_at,
            probes=row.probes,
            reason=row.reason,
            looked_at=row.looked_at,
        )

    def save_circuit(self, account: str, circuit: Circuit) -> None:
        """Stores it in place of the one before."""
        values = {
            "opened_at": circuit.opened_at,
            "probe_at": circuit.probe_at,
            "probes": circuit.probes,
            "reason": None if circuit.reason is None else fit_reason(circuit.reason),
            "looked_at": circuit.looked_at,
        }

        def work(connection: Connection) -> None:
            known = connection.execute(select(_ROW.account).where(_ROW.account == account)).one_or_none()
            if known is None:
                connection.execute(insert(source_circuits).values(account=account, **values))
            else:
                connection.execute(update(source_circuits).where(_ROW.account == account).values(values))

        self._transactions.run(work)

    def is_in_doubt(self, circuit: Circuit) -> bool:
        """Whether a batch of a running job failed as if NetSuite were away since it was asked last."""
        batch = wave_batches.c
        statement = (
            select(batch.id)
            .join(import_jobs, import_jobs.c.job_id == batch.job_id)
            .where(
                import_jobs.c.status == JobStatus.RUNNING,
                batch.status.in_(sorted({BatchStatus.RETRYING, BatchStatus.FAILED})),
                batch.failure_category.in_(sorted(AWAY)),
            )
            .limit(1)
        )
        if circuit.looked_at is not None:
            statement = statement.where(batch.failed_at > circuit.looked_at)
        found = self._transactions.read(lambda connection: connection.execute(statement).one_or_none())
        return found is not None
