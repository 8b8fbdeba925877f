"""The settings that bound coordination, and what record types say instead, as one value that decisions take.

Reading the environment is `settings`' business.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import AS_SET, FailurePolicy
from netsuite_pipeline.record_types.model import RecordType
from netsuite_pipeline.settings import Settings

# A batch of which little is read costs a run some 30 ms (measured), a whole one of 1,000 wide records 100 to 300 ms.
_INCREMENTS_FOR_A_BATCH = 10
_CHANGES_FOR_A_BATCH = 1000
# A run takes three to four seconds from its turn to its first question, as long as ten batches with a run's usual two
# requests in flight and answers within a second.
_WORTH_A_RUN = 10


@dataclass(frozen=True, kw_only=True)
class RunSize:
    """The most that a run takes: whole batches, batches of which changes are read, and such changes."""

    whole: int
    increments: int
    changes: int


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many batches may be in flight, when the next wave starts and what is tried again.

    `wave_size` and `run_batches` count batches, `completion_threshold` is a percentage, `inter_wave_delay` is
    in seconds. `retryable` are the categories whose failures are tried again, `retry_attempts` how often. Imports wait
    `outage_timeout` seconds for a NetSuite that does not answer; people are told of a wave without progress for
    `wave_timeout`. With `dynamic_sizing` the batches in flight are from `wave_size_min` to `wave_size`, `in_flight_now`
    at this moment (None: not decided yet). `runs_at_once` talk to NetSuite at the same time (None: nobody knows).
    `nightly_reserve` is the percentage of `wave_size` that full imports leave to an import of changes (`lanes`).
    `policies` are what record types say of their own failures, by name.
    """

    wave_size: int
    run_batches: int
    completion_threshold: int
    inter_wave_delay: int
    retry_attempts: int
    outage_timeout: int
    wave_timeout: int
    retryable: frozenset[FailureCategory]
    continue_on_permanent: bool
    coordination: bool
    dynamic_sizing: bool = False
    wave_size_min: int = 1
    in_flight_now: int | None = None
    runs_at_once: int | None = None
    nightly_reserve: int = 0
    policies: Mapping[str, FailurePolicy] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, record_types: Iterable[RecordType] = ()) -> "Limits":
        """The limits that the settings ask for; `record_types` are those whose failures are decided on."""
        switches = {
            FailureCategory.TIMEOUT: settings.wave_retry_timeout_errors,
            FailureCategory.API_RATE_LIMIT: settings.wave_retry_api_errors,
            FailureCategory.API_UNAVAILABLE: settings.wave_retry_api_errors,
            FailureCategory.DATABASE: settings.wave_retry_database_errors,
            # A run that died without a word; no setting switches this off.
            FailureCategory.UNKNOWN: True,
        }
        return cls(
            wave_size=settings.wave_size,
            run_batches=settings.run_batches,
            completion_threshold=settings.wave_completion_threshold,
            inter_wave_delay=settings.wave_inter_wave_delay,
            retry_attempts=settings.wave_retry_attempts,
            outage_timeout=settings.wave_outage_timeout,
            wave_timeout=settings.wave_timeout,
            retryable=frozenset(category for category, wanted in switches.items() if wanted),
            continue_on_permanent=settings.wave_continue_on_permanent,
            coordination=settings.feature_wave_coordination,
            dynamic_sizing=settings.wave_dynamic_sizing,
            wave_size_min=settings.wave_size_min,
            nightly_reserve=settings.wave_nightly_reserve,
            policies={known.name: known.failure_policy for known in record_types if known.failure_policy != AS_SET},
        )

    def policy_of(self, record_type: str) -> FailurePolicy:
        """What a record type says of its own failures."""
        return self.policies.get(record_type, AS_SET)

    def attempts_of(self, record_type: str) -> int:
        """How often a batch of the record type is tried again at most, whatever its failures are."""
        return max(self.retry_attempts, self.policy_of(record_type).most_attempts)

    def continues_on_permanent(self, record_type: str) -> bool:
        """Whether an import goes on when a batch of the record type has a permanent error."""
        own = self.policy_of(record_type).continue_on_permanent
        return self.continue_on_permanent if own is None else own

    @property
    def in_flight(self) -> int | None:
        """The most batches of a job that may be in flight; None when waves are switched off."""
        if not self.coordination:
            return None
        return self.wave_size if self.in_flight_now is None else min(self.in_flight_now, self.wave_size)

    @property
    def least_in_flight(self) -> int:
        """The fewest that dynamic sizing goes down to."""
        return min(self.wave_size_min, self.wave_size)

    @property
    def dispatch_batches(self) -> int:
        """The most whole batches that one run takes: of those in flight, a run waits for each that is at work, or slots
        of NetSuite's would be empty while the next one is dispatched.
        """
        if self.in_flight is None:
            return self.run_batches
        return max(1, min(self.run_batches, self.in_flight // (2 * self.runs_at_once if self.runs_at_once else 1)))

    def run_size(self, *, whole: int, increments: int, changes: int) -> RunSize:
        """What each run takes of so many batches of a record type in a wave: as good as equal parts.

        Runs that are at work at the same time end at the same time then. A run that is left alone has its own share of
        NetSuite's slots only, and the others are empty.
        """
        at_once = self.runs_at_once or 1
        return RunSize(
            whole=self.whole_batches(whole),
            increments=_part(increments, at_once, least=_INCREMENTS_FOR_A_BATCH, most=self.dispatch_increments),
            changes=_part(changes, at_once, least=_CHANGES_FOR_A_BATCH, most=self.dispatch_changes),
        )

    def whole_batches(self, batches: int) -> int:
        """How many of that many whole batches of a record type each run takes; see `run_size`."""
        if not self.runs_at_once or not batches:
            return self.dispatch_batches
        at_once = min(self.runs_at_once, max(1, batches // _WORTH_A_RUN))
        rounds = math.ceil(batches / (self.dispatch_batches * at_once))
        return math.ceil(batches / (rounds * at_once))

    @property
    def dispatch_increments(self) -> int:
        """The most batches that one run takes of which only changes are read: many cost as much as a whole one."""
        most = self.run_batches * _INCREMENTS_FOR_A_BATCH
        return most if self.in_flight is None else min(most, self.in_flight)

    @property
    def dispatch_changes(self) -> int:
        """The most changed records that one run takes, unless one batch alone has more."""
        return self.run_batches * _CHANGES_FOR_A_BATCH


def _part(total: int, parts: int, *, least: int, most: int) -> int:
    """An equal part of the total, if it is worth a run. `least` is what takes as long as a whole batch."""
    return most if parts == 1 else min(most, max(least * _WORTH_A_RUN, math.ceil(total / parts)))
