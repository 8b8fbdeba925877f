"""Which columns of a record type the account has: asked with one query that reads no record.

NetSuite names one unknown column per answer (observed on live accounts), so what it names is left out and the query
is sent again. Where it names none, or fails with a 500 that lasts, the columns are halved until those are alone that it
refuses. What is known already is remembered in `warehouse.missing_columns`.
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from netsuite_pipeline.netsuite.errors import (
    ColumnLost,
    NetSuiteError,
    QueryRejected,
    RecordTypeUnavailable,
    RequiredColumnMissing,
    Unavailable,
)
from netsuite_pipeline.netsuite.page import Page, Queries
from netsuite_pipeline.netsuite.suiteql import join_of, probe_query, source_of
from netsuite_pipeline.record_types.model import Field, Lookup, RecordType

Refusal = QueryRejected | RecordTypeUnavailable | Unavailable

# Enough for half a dozen columns that NetSuite refuses without a name; where it refuses more, it has another reason.
_MOST_QUERIES = 100
# A 500 is believed after the last attempt only, so each costs five requests. Enough for two columns among 120.
_MOST_QUERIES_FAILED = 40


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A declared column that NetSuite does not know, or does not give as it is declared, and what NetSuite says."""

    field: Field
    reason: str


def probe_columns(client: Queries, record_type: RecordType) -> tuple[Absence, ...]:
    """The columns that the account lacks. Each that NetSuite names costs a query, one that it does not name about
    2 log2(n) of them, n being the number of columns; the last query is one that NetSuite accepts. One that makes it
    fail takes as many, half of them tried again until the client gives up.

    RequiredColumnMissing if the type's key, filter or join needs one of them, RecordTypeUnavailable if the account
    lacks the type's own table, any other NetSuiteError as it comes. A lookup that the account lacks costs the fields
    that use it.
    """
    absences: list[Absence] = []
    remaining = record_type
    while refusal := _refusal(client, remaining):
        found = _absences(client, remaining, refusal)
        absences += found
        remaining = remaining.without(absence.field.name for absence in found)
    return tuple(absences)


def required_column_missing(record_type: RecordType, refusal: QueryRejected) -> RequiredColumnMissing:
    """The error for a column that no field can be left out for."""
    return RequiredColumnMissing(
        f"{record_type.label} cannot be imported without the column {refusal.column!r}, which its key, filter or join"
        f" needs and this account lacks: {refusal.said}",
        status=refusal.status,
        code=refusal.code,
    )


@dataclass(frozen=True, kw_only=True)
class WatchedQueries:
    """Queries of a record type whose columns were probed: a column that is missing all the same was lost meanwhile.

    `on_lost` is called by the thread that learned it, before ColumnLost or a refusal without a name is raised.
    """

    client: Queries
    record_type: RecordType
    on_lost: Callable[[], None]

    def query(self, sql: str, *, cancelled: threading.Event | None = None) -> Page:
        """As `NetSuiteClient.query`."""
        try:
            return self.client.query(sql, cancelled=cancelled)
        except (QueryRejected, RecordTypeUnavailable) as error:
            if not self._is_about_a_column(error):
                if isinstance(error, QueryRejected) and error.status == HTTPStatus.BAD_REQUEST:
                    # It may be about a column all the same, without naming it: the next run looks which there are.
                    self.on_lost()
                raise
            self.on_lost()
            raise ColumnLost(
                f"NetSuite knew every column of {self.record_type.name} a while ago and now refuses one; the next"
                f" attempt looks which there are: {error.said}",
                status=error.status,
                code=error.code,
            ) from error
        except Unavailable as error:
            if _is_failure(error):
                self.on_lost()
            raise

    def _is_about_a_column(self, error: QueryRejected | RecordTypeUnavailable) -> bool:
        if isinstance(error, QueryRejected):
            return error.column is not None
        # A table that only an expression or a lookup reads is lost as a column is.
        touched = _suspects(self.record_type, error) or _suspected_lookups(self.record_type, error)
        return bool(touched) and not _is_required(self.record_type, error)


def _refusal(client: Queries, record_type: RecordType) -> Refusal | None:
    try:
        client.query(probe_query(record_type))
    except QueryRejected as error:
        # A gateway's 403 or 404 is about no column.
        if error.column is None and error.status != HTTPStatus.BAD_REQUEST:
            raise
        return error
    except RecordTypeUnavailable as error:
        if error.table is None:
            raise
        return error
    except Unavailable as error:
        if not _is_failure(error):
            raise
        return error
    return None


def _is_failure(error: Unavailable) -> bool:
    """Whether NetSuite failed at the query itself, of which one column is sometimes the cause (observed on live
    accounts). What a gateway says, and silence, is about no query.
    """
    return error.status == HTTPStatus.INTERNAL_SERVER_ERROR


def _absences(client: Queries, record_type: RecordType, refusal: Refusal) -> Sequence[Absence]:
    """The fields that the refusal is about; raises when it is about none of them alone."""
    if _name(refusal) is not None:
        return [Absence(field=field, reason=refusal.said) for field in _named(client, record_type, refusal)]
    if _refusal(client, _only(record_type)):
        raise refusal
    return _unnamed(client, record_type, refusal)


def _unnamed(client: Queries, record_type: RecordType, refusal: Refusal) -> Sequence[Absence]:
    """Of a function that it does not run, or a text that is to be a date, NetSuite gives no name to look for."""
    refused, found, queries = [(record_type, refusal)], [], 0
    most = _MOST_QUERIES_FAILED if isinstance(refusal, Unavailable) else _MOST_QUERIES
    while refused:
        part, latest = refused.pop()
        if len(part.fields) == 1:
            queries += 2
            # A fault that passes must not cost a column: refused once more, and accepted without it.
            if _refusal(client, part) is None or _refusal(client, _only(part)) is not None:
                raise latest
            found += [Absence(field=field, reason=latest.said) for field in part.fields]
            continue
        halves = [(half, answer) for half in _halves(part) if (answer := _refusal(client, half))]
        queries += 2
        # What is refused as a whole only, as a passing fault or a query that is too long, is no column's.
        if not halves or queries > most:
            raise latest
        for half, answer in halves:
            if _name(answer) is None:
                refused.append((half, answer))
            else:
                found += _absences(client, half, answer)
    return found


def _halves(record_type: RecordType) -> tuple[RecordType, RecordType]:
    middle = len(record_type.fields) // 2
    return _only(record_type, *record_type.fields[:middle]), _only(record_type, *record_type.fields[middle:])


def _named(client: Queries, record_type: RecordType, refusal: Refusal) -> Sequence[Field]:
    if _is_required(record_type, refusal):
        if isinstance(refusal, RecordTypeUnavailable):
            raise refusal
        # A field may have the name of a column that is needed.
        basic = _refusal(client, _only(record_type))
        if isinstance(basic, QueryRejected):
            raise required_column_missing(record_type, basic) if basic.column else basic
    if lost := [lookup for lookup in _suspected_lookups(record_type, refusal) if _is_lost(client, record_type, lookup)]:
        return _users(record_type, lost)
    suspects = _suspects(record_type, refusal)
    if len(suspects) > 1:
        # NetSuite names no table: `memo` can be the header's or the line's.
        suspects = [field for field in suspects if _refusal(client, _only(record_type, field))]
    if not suspects:
        raise _unexplained(record_type, refusal)
    return suspects


def _unexplained(record_type: RecordType, refusal: Refusal) -> NetSuiteError:
    named = _name(refusal)
    return refusal.within(f"Find out which columns of {record_type.name} are missing: none of them is {named!r}")


def _only(record_type: RecordType, *fields: Field) -> RecordType:
    return record_type.without(field.name for field in record_type.fields if field not in fields)


def _suspects(record_type: RecordType, refusal: Refusal) -> list[Field]:
    named = _pattern(refusal)
    return [field for field in record_type.fields if named.search(field.source)]


def _suspected_lookups(record_type: RecordType, refusal: Refusal) -> list[Lookup]:
    """The lookups in use whose join names what is missing."""
    named = _pattern(refusal)
    lookups = [lookup for lookup in record_type.source.lookups if named.search(join_of(lookup))]
    return [lookup for lookup in lookups if _users(record_type, [lookup])]


def _is_lost(client: Queries, record_type: RecordType, lookup: Lookup) -> bool:
    join = " ".join(part for part in (record_type.source.join, join_of(lookup)) if part)
    source = replace(record_type.source, join=join, lookups=())
    return _refusal(client, replace(_only(record_type), source=source)) is not None


def _users(record_type: RecordType, lookups: Iterable[Lookup]) -> list[Field]:
    return [field for field in record_type.fields if any(lookup.is_used_in(field.source) for lookup in lookups)]


def _is_required(record_type: RecordType, refusal: Refusal) -> bool:
    source = record_type.source
    texts = [source_of(record_type), source.where or "", *(field.source for field in record_type.key)]
    named = _pattern(refusal)
    return any(named.search(text) for text in texts)


def _pattern(refusal: Refusal) -> re.Pattern[str]:
    """What finds the named column, or table, in SuiteQL text."""
    name = _name(refusal) or ""
    if isinstance(refusal, QueryRejected):
        # Not before a dot, where it is a table's name.
        return re.compile(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?![\w.])", re.IGNORECASE)
    return re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)", re.IGNORECASE)


def _name(refusal: Refusal) -> str | None:
    """The column or table that NetSuite does not know, if it says which."""
    if isinstance(refusal, RecordTypeUnavailable):
        return refusal.table
    return refusal.column if isinstance(refusal, QueryRejected) else None
