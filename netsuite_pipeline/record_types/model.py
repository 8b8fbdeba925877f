"""The vocabulary of a declaration: Field, Source and Lookup, the two sorts of rules, Part and RecordType.

Only data and what follows from it without any input or output belongs here. Queries are built in
`netsuite.suiteql`, tables in `warehouse.tables`, converters in `transform.rows`; rules that several types
share are in `rules`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from netsuite_pipeline.record_types.failure_policy import AS_SET, FailurePolicy

_COLUMN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)


class Kind(StrEnum):
    """What a NetSuite value means; decides query expression, converter and column type."""

    INTEGER = "integer"
    REFERENCE = "reference"
    TEXT = "text"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column: where it comes from and what it holds.

    `name` is the column of the target table and the key of the row NetSuite answers (the query aliases
    it). `source` is the SuiteQL column, which belongs to the record type's own table if it has no dot, or a
    SuiteQL expression whose columns are all qualified. `length` counts characters (None: TEXT without a limit).
    `references` names the record type whose `refid` this column holds, or the table if several types fill it. A field
    that is not `stored` is there for the rules only: it is asked for and has no column. A decimal that is `rounded`
    may have more decimals than `scale`; any other is refused with them. Text of which the column takes only a part is
    cut if it may be `truncate`d, which is recorded; any other is refused.
    """

    name: str
    source: str
    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    references: str | None = None
    nullable: bool = True
    stored: bool = True
    rounded: bool = False
    truncate: bool = False

    @property
    def is_expression(self) -> bool:
        """Whether `source` is more than the name of a column."""
        return _COLUMN.fullmatch(self.source) is None


def integer(name: str, source: str | None = None, *, nullable: bool = True) -> Field:
    """A whole number that fits a signed 64-bit column."""
    return Field(name=name, source=source or name, kind=Kind.INTEGER, nullable=nullable)


def reference(source: str, to: str | None = None, *, name: str | None = None) -> Field:
    """The id of another record; the column is `<source>_id` unless named.

    `to` is the record type that it is always of, if we import that; the table where several types fill one.
    """
    column = name or f"{source.rpartition('.')[2]}_id"
    return Field(name=column, source=source, kind=Kind.REFERENCE, references=to)


def text(name: str, length: int | None, source: str | None = None) -> Field:
    """Text of at most `length` characters; None for long text."""
    return Field(name=name, source=source or name, kind=Kind.TEXT, length=length)


def decimal(name: str, source: str | None = None, *, precision: int = 24, scale: int = 8) -> Field:
    """An exact number. 24 digits with 8 decimals hold every money amount of NetSuite's."""
    return Field(name=name, source=source or name, kind=Kind.DECIMAL, precision=precision, scale=scale)


def quotient(name: str, source: str | None = None) -> Field:
    """A number that NetSuite computes by division or multiplication, such as a rate, a percentage or units.

    Oracle ends such a number at 40 significant digits; it is rounded at the 30th decimal, the last that MySQL holds.
    """
    return replace(decimal(name, source, precision=65, scale=30), rounded=True)


def flag(name: str, source: str | None = None) -> Field:
    """A boolean; NetSuite sends 'T' or 'F'."""
    return Field(name=name, source=source or name, kind=Kind.BOOLEAN)


def date(name: str, source: str | None = None) -> Field:
    """A calendar date without a time, in the account's zone."""
    return Field(name=name, source=source or name, kind=Kind.DATE)


def moment(name: str, source: str | None = None) -> Field:
    """A date with a time to the second, in the account's zone as NetSuite renders it."""
    return Field(name=name, source=source or name, kind=Kind.DATETIME)


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Another table that has at most one row for each of ours: what a LEFT JOIN adds, and it drops and doubles none.

    `on` compares a unique key of `table`, under its `alias`, with a column of the type's own table. The account may
    lack it: then it lacks the fields that use the alias, and no others.
    """

    alias: str
    table: str
    on: str

    def is_used_in(self, text: str) -> bool:
        """Whether the SuiteQL `text` names a column under the alias."""
        return re.search(rf"(?<![\w.]){self.alias}\.", text, re.IGNORECASE) is not None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the rows come from: a SuiteQL table, an optional join, lookups and an optional filter.

    `where` and `join` are SuiteQL text with qualified columns. `join` is needed by every query, a lookup only by
    those that use its alias. `view` takes the place of `table`, which is then its alias: a sub-select in parentheses
    for a table that NetSuite does not have, or the name of another table. `modified` is the column that moves when a
    record changes, None where the account keeps none: of lines, that of their transaction, and `stray_modified` is
    their own, which may move without it. `summed` names columns of numbers whose sums over a range of ids tell that
    something has changed in it which no date told. `narrowed` restricts a query to a part of the records; no
    declaration has it.
    """

    table: str
    view: str | None = None
    where: str | None = None
    join: str | None = None
    lookups: tuple[Lookup, ...] = ()
    modified: str | None = "lastmodifieddate"
    stray_modified: str | None = None
    summed: tuple[str, ...] = ()
    narrowed: str | None = None

    @property
    def read_from(self) -> str:
        """What rows are read from, as SuiteQL says it: a table, or a sub-select in parentheses."""
        return self.view or self.table

    @property
    def netsuite_table(self) -> str:
        """The table as NetSuite calls it; of a sub-select, the name that it has in queries."""
        return self.table if self.view is None or self.view.startswith("(") else self.view


# The typed values of a row, by column.
Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A rule that adds a column, computed from the others; they stay as NetSuite sent them.

    `of` names those it is computed from: without one of them it is left as it is, not made of the rest. `compute` is
    pure and gives a value that the column holds, or None; `says` tells people how, in a line.
    """

    field: Field
    of: tuple[str, ...]
    says: str
    compute: Callable[[Values], Any]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A rule that rejects rows. `complaint` is pure: a sentence says what is wrong, None that nothing is.

    `reason` is what `import_rejects` files the row under, `field` the column it is about.
    """

    reason: str
    field: str
    complaint: Callable[[Values], str | None]


Rule = Derived | Check


@dataclass(frozen=True, kw_only=True)
class Part:
    """Lookups, columns and rules that belong together and that several types have, such as an address."""

    lookups: tuple[Lookup, ...] = ()
    fields: tuple[Field, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __add__(self, other: "Part") -> "Part":
        return Part(
            lookups=self.lookups + other.lookups, fields=self.fields + other.fields, rules=self.rules + other.rules
        )


SINGLE_KEY = (integer("refid", "id", nullable=False),)


@dataclass(frozen=True, kw_only=True)
class RecordType:
    """One importable type. Query, target table, asset, partitions, job and lineage all follow from it.

    `id` is the record type id of the coordination tables. `key` is the natural key; its first column is the
    one whose ranges are batches (for lines: the transaction). `fields` are the other columns of NetSuite's;
    `rules` see the typed row, add columns and reject. `absent` names the columns of the target table that this
    account cannot fill (see `without`). `edition` grows whenever columns are added to the target table: what is stored
    then is not what a row of it would hold now, though it came from the same values. `adopted` says that people had the
    table before, and that it stays as it is. `failure_policy` is its own answer to failures.
    """

    name: str
    id: int
    table: str
    source: Source
    fields: tuple[Field, ...]
    depends_on: tuple[str, ...] = ()
    key: tuple[Field, ...] = field(default=SINGLE_KEY)
    rules: tuple[Rule, ...] = ()
    absent: tuple[str, ...] = ()
    edition: int = 0
    adopted: bool = False
    failure_policy: FailurePolicy = AS_SET

    @property
    def batch_field(self) -> Field:
        """The key column whose id ranges are the batches."""
        return self.key[0]

    @property
    def source_fields(self) -> tuple[Field, ...]:
        """Every column that is asked of NetSuite, key first."""
        return self.key + self.fields

    @property
    def value_fields(self) -> tuple[Field, ...]:
        """Every column beside the key: those of NetSuite's, then the derived ones."""
        stored = tuple(field for field in self.fields if field.stored)
        return stored + tuple(rule.field for rule in self.rules if isinstance(rule, Derived))

    @property
    def summed_fields(self) -> tuple[Field, ...]:
        """The fields whose sums are compared, as far as the account has them."""
        return tuple(field for field in self.fields if field.name in self.source.summed)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The rules that reject rows."""
        return tuple(rule for rule in self.rules if isinstance(rule, Check))

    @property
    def declared(self) -> tuple[Any, ...]:
        """All that decides what is stored of it, for comparing declarations; a rule's code is known by what it says."""
        rules = [
            (rule.of, rule.says) if isinstance(rule, Derived) else (rule.reason, rule.field) for rule in self.rules
        ]
        fields = (self.source_fields, self.value_fields)
        return (self.name, self.id, self.table, self.adopted, self.source, self.depends_on, *fields, rules)

    def digest(self, account: str) -> str:
        """32 characters that differ when rows of the `account` would be read or typed otherwise than they were."""
        known = (account, self.declared, self.absent, self.edition)
        return blake2b(repr(known).encode(), digest_size=16).hexdigest()

    @property
    def label(self) -> str:
        """The name for people: `sales_order` reads `Sales order`."""
        return self.name.replace("_", " ").capitalize()

    def plus(self, part: Part) -> "RecordType":
        """The same declaration with these lookups, columns and rules behind its own."""
        return replace(
            self,
            source=replace(self.source, lookups=self.source.lookups + part.lookups),
            fields=self.fields + part.fields,
            rules=self.rules + part.rules,
        )

    def without(self, columns: Iterable[str]) -> "RecordType":
        """The same declaration for an account that lacks these columns of NetSuite's.

        With a column go the derived ones that are made of it; a check that would look at it finds nothing wrong.
        ValueError for a column of the key.
        """
        gone = frozenset(columns)
        if missing := gone & {field.name for field in self.key}:
            raise ValueError(f"{self.name} cannot do without its key: {', '.join(sorted(missing))}.")
        if not gone:
            return self
        lost = {rule.field.name for rule in self.rules if isinstance(rule, Derived) and not gone.isdisjoint(rule.of)}
        kept = (rule for rule in self.rules if not (isinstance(rule, Derived) and rule.field.name in lost))
        return replace(
            self,
            fields=tuple(field for field in self.fields if field.name not in gone),
            rules=tuple(_lenient(rule, gone) if isinstance(rule, Check) else rule for rule in kept),
            absent=tuple(sorted({*self.absent, *lost, *(field.name for field in self.fields if field.name in gone)})),
        )


def _lenient(check: Check, absent: frozenset[str]) -> Check:
    def complaint(values: Values) -> str | None:
        try:
            return check.complaint(values)
        except KeyError as error:
            if error.args[0] in absent:
                return None
            raise

    return replace(check, complaint=complaint)
