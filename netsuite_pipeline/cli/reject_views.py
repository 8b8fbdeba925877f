"""What people see of rejects: tables of groups and rows, one reject in full, what a replay would do and has done.

Rendering, and the sentences for what is not there. Texts of NetSuite's are shown so that a terminal takes none of them
for a command.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.orchestration.replay import RangeReplayed, requests_of
from netsuite_pipeline.transform.rejection import RejectReason
from netsuite_pipeline.warehouse.quarantine import Reject, RejectFilter, RejectGroup, reject_groups
from netsuite_pipeline.warehouse.replay_ranges import TypeReplay

_RANGES_SHOWN = 20
_FAILURES_SHOWN = 10
_VALUE_SHOWN = 1000
_KEY_SHOWN = 19
_EVERY_GROUP = 10_000
# `rejects show` has all of it.
_SAID_SHOWN = 120

_DECLARED = "if it is RECORD_TYPES_FILE that declares the column"
_LARGER = f"or, {_DECLARED}, declare it larger there and run `netsuite-pipeline db upgrade --widen`"
_ADVICE = {
    RejectReason.MISSING_KEY: "NetSuite sent the row without its key: look whether the role may see the whole record",
    RejectReason.OUTSIDE_BATCH: "NetSuite sent the row in a range of ids that it is not in: read the range again",
    RejectReason.DUPLICATE_KEY: "NetSuite sent several rows with this key, and which is right cannot be known: look"
    " for a join of the declaration that doubles rows, or read them again",
    RejectReason.UNKNOWN_COLUMN: "NetSuite sent a column that was not asked for: read the row again",
    RejectReason.TOO_LONG: f"Shorten the value in NetSuite, {_LARGER}",
    RejectReason.TOO_PRECISE: f"Correct the value in NetSuite, {_LARGER}",
    RejectReason.DATABASE: "The database refused the row: look for a constraint, a trigger or a column of the table"
    " that is not as declared (`netsuite-pipeline db check`), and change that, or the record in NetSuite",
}
_OTHERWISE = f"Correct the record in NetSuite, or, {_DECLARED}, declare it there as what it holds"


def groups_table(groups: Sequence[RejectGroup]) -> Table:
    """A row per group, with an example."""
    table = _table("Record type", "Rejects", "First seen", "Last seen", "Reason and example", right=("Rejects",))
    for group in groups:
        counted = (f"{group.count:,}", _day(group.first_seen), _day(group.last_seen))
        example = f"{short_key(group.example_key)}: {group.example}"
        table.add_row(Text(group.record_type), *counted, _why(group, example))
    return table


def rows_table(rejects: Sequence[Reject]) -> Table:
    """A row per reject."""
    table = _table("Record type", "Key", "Last seen", "Attempts", "Reason and detail", right=("Attempts",))
    for reject in rejects:
        seen = (_moment(reject.last_seen), f"{reject.attempts:,}")
        table.add_row(Text(reject.record_type), short_key(reject.row_key), *seen, _why(reject, reject.detail))
    return table


def reject_view(reject: Reject) -> RenderableType:
    """Everything about one reject."""
    state = ("resolved", "green") if reject.resolved_at else ("open", "yellow")
    where = f" in {printable(reject.field)}" if reject.field else ""
    headline = Text.assemble(
        (f"{reject.record_type} {reject.row_key}", "bold"), ": ", state, f", {reject.reason}{where}"
    )
    facts = {
        "What is wrong": printable(reject.detail),
        "Error code": reject.error_code,
        "Seen": f"{reject.attempts:,} times, {_moment(reject.first_seen)} to {_moment(reject.last_seen)} UTC",
        "Read in": f"{reject.batch_first}..{reject.batch_last}, by run {reject.run_id or 'unknown'}",
        "Import": reject.job_id,
        "Resolved": reject.resolved_at and f"{_moment(reject.resolved_at)} UTC",
    }
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        if fact is not None:
            table.add_row(name, Text(str(fact)))
    return Group(headline, table, Text("The row as it came:"), *_payload_lines(reject), _next_step(reject))


def nothing_sentence(engine: sa.Engine, chosen: RejectFilter) -> str:
    """That no reject is what was asked for, and what there is."""
    state = "resolved" if chosen.resolved else "open"
    there = reject_groups(engine, RejectFilter(resolved=chosen.resolved), limit=_EVERY_GROUP).items
    if not there:
        return f"There are no {state} rejects."
    sentence = f"No {state} reject is like that. There are {_counted(there, 'record_type')}; by reason: "
    return f"{sentence}{_counted(there, 'reason')}."


def unknown_sentence(engine: sa.Engine, record_type: str, key: str) -> str:
    """That the row is not rejected, and which types have rejects."""
    both = [reject_groups(engine, RejectFilter(resolved=resolved), limit=_EVERY_GROUP) for resolved in (False, True)]
    there = [group for groups in both for group in groups.items]
    known = f"There are {_counted(there, 'record_type')}" if there else "There are none at all"
    return f"There is no reject of {printable(record_type)} {printable(key)}, open or resolved. {known}."


def undeclared_sentence(plan: TypeReplay) -> str:
    """That the rejects of a type cannot be replayed, since nothing says how it is read."""
    return (
        f"{plan.record_type} is not declared any more, so its {plan.rejects:,} rejects cannot be read again: declare it"
        f" in RECORD_TYPES_FILE, or forget them with `netsuite-pipeline rejects forget --types {plan.record_type}`."
    )


def plans_view(plans: Sequence[TypeReplay]) -> RenderableType:
    """What a replay would read."""
    table = _table("Record type", "Rejects", "Ranges", "Requests", "Ids", right=("Rejects", "Ranges", "Requests"))
    for plan in plans:
        shown = ", ".join(batch.key for batch in plan.ranges[:_RANGES_SHOWN])
        more = len(plan.ranges) - _RANGES_SHOWN
        ids = f"{shown} and {more:,} more" if more > 0 else shown
        counts = (plan.rejects, len(plan.ranges), requests_of(plan.ranges))
        table.add_row(plan.record_type, *(f"{count:,}" for count in counts), ids)
    total = sum(requests_of(plan.ranges) for plan in plans)
    return Group(table, Text(f"About {total:,} requests, one at a time; nothing was read."))


class ReplayTally:
    """Adds up what became of the rejects of a replay, by record type."""

    def __init__(self, plans: Sequence[TypeReplay]) -> None:
        self._plans = plans
        self._loaded: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()
        self._still: dict[str, Counter[str]] = {plan.record_type: Counter() for plan in plans}
        self._others: Counter[str] = Counter()
        self._failed: list[RangeReplayed] = []

    def add(self, replayed: RangeReplayed) -> None:
        """One range is over."""
        name = replayed.record_type
        self._loaded[name] += replayed.loaded
        self._gone[name] += replayed.gone
        self._still[name].update(replayed.still)
        self._others[name] += replayed.others
        if replayed.failure is not None:
            self._failed.append(replayed)

    @property
    def all_resolved(self) -> bool:
        """Whether no reject of the plans is open, and no row was rejected that had not been."""
        return not self._failed and not self._others.total() and not any(map(self._open, self._plans))

    def view(self) -> RenderableType:
        """A row per record type, and below it what needs a person."""
        numbers = ("Rejects", "Loaded", "Gone", "Still rejected", "Not read")
        table = _table("Record type", *numbers, "Why", right=numbers)
        for plan in self._plans:
            name, still = plan.record_type, self._still[plan.record_type]
            counts = (plan.rejects, self._loaded[name], self._gone[name], still.total(), self._unread(plan))
            why = ", ".join(f"{reason} {count:,}" for reason, count in still.most_common())
            style = "yellow" if self._open(plan) else None
            table.add_row(name, *(f"{count:,}" for count in counts), Text(why), style=style)
        return Group(table, *self._lines())

    def _lines(self) -> Iterator[Text]:
        for name, count in self._others.items():
            if count:
                yield Text(f"{name}: {count:,} rows beside them, which were not rejected before, are now.", "yellow")
        for failed in self._failed[:_FAILURES_SHOWN]:
            yield Text(f"{failed.record_type} {failed.range.key} failed: {printable(failed.failure or '')}", "red")
        if (more := len(self._failed) - _FAILURES_SHOWN) > 0:
            yield Text(f"{more:,} more ranges failed.", "red")

    def _unread(self, plan: TypeReplay) -> int:
        name = plan.record_type
        # An import may have resolved some of them meanwhile, or rejected others.
        return max(0, plan.rejects - self._loaded[name] - self._gone[name] - self._still[name].total())

    def _open(self, plan: TypeReplay) -> int:
        return self._still[plan.record_type].total() + self._unread(plan)


def printable(text: str) -> str:
    """The text with what is no visible character spelled out: no terminal obeys it, and people see it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short_key(key: str) -> str:
    """A key as tables show it; `rejects show` takes it."""
    return key[:_KEY_SHOWN] if key.startswith("sha256:") else key


def _payload_lines(reject: Reject) -> Iterator[Text]:
    try:
        payload = json.loads(reject.payload)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        yield Text(printable(reject.payload[:_VALUE_SHOWN]))
        return
    for name, value in payload.items():
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > _VALUE_SHOWN:
            text = f"{text[:_VALUE_SHOWN]}… ({len(text):,} characters; `rejects export` has all of it)"
        wrong = name.lower() == (reject.field or "").lower()
        mark, style = ("▶ ", "bold red") if wrong else ("  ", "")
        yield Text(f"{mark}{printable(json.dumps(name, ensure_ascii=False))}: {printable(text)}", style)
    if reject.field and reject.field.lower() not in map(str.lower, payload):
        yield Text(
            f"▶ {printable(reject.field)} is not in it, or is empty: NetSuite leaves empty values out.", "bold red"
        )


def _next_step(reject: Reject) -> Text:
    if reject.resolved_at:
        return Text("There is nothing to do: the row was loaded since, or is gone from NetSuite.", "green")
    advice = next((text for reason, text in _ADVICE.items() if reason == reject.reason), _OTHERWISE)
    command = f"netsuite-pipeline rejects replay --types {reject.record_type} --reason {reject.reason}"
    return Text(f"{advice}. Then: {command}")


def _counted(groups: Sequence[RejectGroup], attribute: str) -> str:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[getattr(group, attribute)] += group.count
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _why(rejected: RejectGroup | Reject, said: str) -> Text:
    code = "" if rejected.error_code is None else f" {rejected.error_code}"
    where = f" in {printable(rejected.field)}" if rejected.field else ""
    cut = said if len(said) <= _SAID_SHOWN else f"{said[:_SAID_SHOWN]}…"
    return Text.assemble(f"{rejected.reason}{code}{where}\n", (printable(cut), "dim"))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _table(*headings: str, right: tuple[str, ...] = ()) -> Table:
    # No frame, and only the last column folds, so that it fits a terminal of 80 columns.
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in headings:
        justify: JustifyMethod = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading != headings[-1])
    return table
