# ruff: noqa: N818 - the names say what happened; callers decide by them whether it is an error
"""What can go wrong between batches, waves and their store, one class per way to recover."""


class WaveError(Exception):
    """Base class; the text is one sentence that says what was found and what to do."""


class PlanError(WaveError):
    """Batches cannot be planned: what exists contradicts itself. Repairing the named batches helps."""


class PlanningBusy(WaveError):
    """Another process plans at this moment. Trying again later helps."""


class LockLost(PlanningBusy):
    """Others may have planned meanwhile. Planning from the start helps."""


class UnknownJob(WaveError):
    """No import has the given job id."""


class JobEnded(WaveError):
    """The import has ended and cannot be planned again. Starting a new one helps."""


class Refused(WaveError):
    """What a person asked for does not fit the state of the import; nothing was changed."""


class LostLease(WaveError):
    """The batch belongs to another run by now. The caller must roll back and leave the batch alone."""


class NotAnswered(WaveError):
    """NetSuite did not answer a question about one record type; the text says which and why."""
