"""What a draft asks of an account beside a sample: which custom fields a table has, and which dates have a time.

Many columns to a query. NetSuite names one unknown column per answer, and none that is no date, so that what it
refuses is asked again without that one and in halves; the number of queries is bounded, and what was left is told.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from netsuite_pipeline.netsuite.errors import QueryRejected, RecordTypeUnavailable, TransientError
from netsuite_pipeline.netsuite.page import Queries
from netsuite_pipeline.netsuite.suiteql import probe_query, source_of
from netsuite_pipeline.record_types.custom_model import ColumnKind
from netsuite_pipeline.record_types.model import RecordType, text

_GROUP = 100
# A field of another record type costs a query each, one that reads no record.
_MOST_PROBES = 100
# These read the whole table.
_MOST_READS = 20

Names = Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Existing:
    """The columns that a table has; `unasked` are those that nothing is known of, `reason` says why, if any are."""

    names: tuple[str, ...]
    unasked: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Times:
    """The kinds of the columns that hold dates or moments; nothing is known of `unasked`, for `reason`."""

    kinds: dict[str, ColumnKind]
    unasked: tuple[str, ...]
    reason: str


def ask_existing(client: Queries, record_type: RecordType, names: Names) -> Existing:
    """Which of the columns NetSuite knows in the type's table."""
    found: list[str] = []

    def ask(group: Names) -> None:
        client.query(probe_query(replace(record_type, fields=tuple(text(name, None) for name in group), rules=())))
        found.extend(group)

    unasked, reason = _ask_in_groups(ask, names, most=_MOST_PROBES)
    return Existing(names=tuple(sorted(found)), unasked=unasked, reason=reason)


def ask_times(client: Queries, record_type: RecordType, names: Names) -> Times:
    """Which of the columns, which look like dates, have a time: as rows show them they have lost it.

    NetSuite refuses TO_CHAR with a pattern for what is no date.
    """
    source, kinds = record_type.source, dict[str, ColumnKind]()
    where = f" WHERE {source.where}" if source.where else ""

    def ask(group: Names) -> None:
        latest = ", ".join(
            f"MAX(TO_CHAR({source.table}.{name}, 'HH24:MI:SS')) AS c{number}" for number, name in enumerate(group)
        )
        rows = client.query(f"SELECT {latest} FROM {source_of(record_type)}{where}").items
        answer = {column.lower(): str(value) for row in rows for column, value in row.items()}
        for number, name in enumerate(group):
            midnight = answer.get(f"c{number}") == "00:00:00"
            kinds[name] = ColumnKind.DATE if midnight else ColumnKind.DATETIME

    unasked, reason = _ask_in_groups(ask, names, most=_MOST_READS)
    return Times(kinds=kinds, unasked=unasked, reason=reason)


def _ask_in_groups(ask: Callable[[Names], None], names: Names, *, most: int) -> tuple[tuple[str, ...], str]:
    """The names that were not asked about with at most `most` queries, and why; every group before any half of one."""
    waiting = deque(names[start : start + _GROUP] for start in range(0, len(names), _GROUP))
    reason = f"{most} queries were not enough to ask for them"
    for _ in range(most):
        if not waiting:
            break
        group = waiting.popleft()
        try:
            ask(group)
        except (QueryRejected, RecordTypeUnavailable) as refusal:
            waiting.extend(_halves(group, refusal))
        except TransientError as error:
            waiting.appendleft(group)
            reason = str(error)
            break
    return tuple(sorted(name for group in waiting for name in group)), reason


def _halves(group: Names, refusal: QueryRejected | RecordTypeUnavailable) -> list[Names]:
    """What has to be asked again, and how."""
    column = refusal.column if isinstance(refusal, QueryRejected) else None
    named = (column or "").rpartition(".")[2].lower()
    if named not in group and len(group) == 1:
        return []
    rest = [name for name in group if name != named]
    middle = (len(rest) + 1) // 2
    return [half for half in (rest[:middle], rest[middle:]) if half]
