"""What the user's YAML file may say: its keys, their types, and the sentence for each mistake.

Single values only; whether names clash or refer to something that exists is checked in `custom`.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from netsuite_pipeline.record_types.custom_names import (
    name_fault,
    table_fault,
    type_name_fault,
    usable_name,
    usable_type_name,
)
from netsuite_pipeline.record_types.custom_yaml import CustomTypesError, Document
from netsuite_pipeline.record_types.failure import FailureCategory
from netsuite_pipeline.record_types.failure_policy import FailurePolicy, RetryPolicy

_COLUMN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SHOWN = 60
_MOST_DIGITS = 65
_MOST_DECIMALS = 30


class ColumnKind(StrEnum):
    """The kinds of the file: those of `model.Kind`, text without a limit, and codes with a meaning."""

    INTEGER = "integer"
    REFERENCE = "reference"
    TEXT = "text"
    LONG_TEXT = "long_text"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    ENUM = "enum"


def _kind(value: Any) -> Any:
    if value not in list(ColumnKind):
        raise ValueError(f"{value!r} is no kind of column; write one of {', '.join(ColumnKind)}.")
    return value


def _name(value: str) -> str:
    if fault := name_fault(value):
        raise ValueError(f"{fault}; write another name, e.g. {usable_name(_plain(value))!r}.")
    return value


def _type_name(value: str) -> str:
    if fault := type_name_fault(value):
        name = usable_type_name(_plain(value))
        raise ValueError(f"{fault}; write another name, e.g. {name!r}, with NetSuite's table as `source`.")
    return value


def _plain(value: str) -> str:
    """The letters, digits and underscores of a name, as far as it has any."""
    return re.sub(r"[^a-z0-9_]+", "_", value.lower()).strip("_") or "name"


def _source(value: str) -> str:
    if _COLUMN.fullmatch(value) is None:
        raise ValueError(f"{value!r} cannot be a name of NetSuite's; write its script id, e.g. 'custentity_region'.")
    return value


def _table(value: str) -> str:
    if fault := table_fault(value):
        raise ValueError(f"{fault} and no table of NetSuite's; write the table's script id, e.g. 'customrecord_fleet'.")
    return value


def _id(value: int) -> int:
    if not 1 <= value <= 2**31 - 1:
        raise ValueError("the id must be positive, because built-in types have the negative ones; write e.g. id: 17.")
    return value


Name = Annotated[str, AfterValidator(_name)]
TypeName = Annotated[str, AfterValidator(_type_name)]
SourceName = Annotated[str, AfterValidator(_source)]
SourceTable = Annotated[SourceName, AfterValidator(_table)]
# Strict: neither true nor 64.0 is a size.
Whole = Annotated[int, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Id = Annotated[Whole, AfterValidator(_id)]
Kind = Annotated[ColumnKind, BeforeValidator(_kind)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class ColumnSpec(_Strict):
    """One column: its kind, and what belongs to the kind. `as` names it in the target table."""

    kind: Kind
    name: Name | None = Field(None, alias="as")
    length: Whole | None = None
    precision: Whole | None = None
    scale: Whole | None = None
    references: str | None = None
    names: dict[str, str] | None = None
    truncate: Switch | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "ColumnSpec":
        allowed = {
            ColumnKind.TEXT: {"length", "truncate"},
            ColumnKind.DECIMAL: {"precision", "scale"},
            ColumnKind.REFERENCE: {"references"},
            ColumnKind.ENUM: {"names"},
        }.get(self.kind, set())
        for given in ("length", "precision", "scale", "references", "names", "truncate"):
            if getattr(self, given) is not None and given not in allowed:
                raise ValueError(f"a column of kind {self.kind} has no {given}; remove {given} or write another kind.")
        _check_sizes(self)
        return self


def _check_sizes(column: ColumnSpec) -> None:
    if column.kind is ColumnKind.TEXT and (column.length is None or not 1 <= column.length <= 16_000):
        raise ValueError(
            "a text needs a length; write length: 1 to 16000, or kind: long_text for text without a limit."
        )
    if column.kind is ColumnKind.ENUM and not column.names:
        raise ValueError("an enum needs names; write names: {A: Active, B: Sold} with the codes that NetSuite sends.")
    if any(len(name) > 64 for name in (column.names or {}).values()):
        raise ValueError("a name of an enum is too long; write at most 64 characters.")
    if column.kind is not ColumnKind.DECIMAL:
        return
    if column.precision is None or column.scale is None:
        raise ValueError("a decimal needs both sizes; write precision: 24 and scale: 8, which hold every money amount.")
    if not (1 <= column.precision <= _MOST_DIGITS and 0 <= column.scale <= min(column.precision, _MOST_DECIMALS)):
        raise ValueError(
            f"these sizes do not go together; write precision: 1 to {_MOST_DIGITS} and scale: 0 to {_MOST_DECIMALS},"
            " scale not above precision."
        )


class RetrySpec(_Strict):
    """What follows from failures of one category."""

    retry: Switch | None = None
    attempts: Whole | None = None
    delay: Whole | None = None


class FailuresSpec(_Strict):
    """A type's own answers to failures, by the names of `FailureCategory`. To a refused login there are none."""

    timeout: RetrySpec | None = None
    api_rate_limit: RetrySpec | None = None
    api_unavailable: RetrySpec | None = None
    database: RetrySpec | None = None
    permanent_error: RetrySpec | None = None
    unknown: RetrySpec | None = None
    continue_on_permanent: Switch | None = None

    @property
    def policy(self) -> FailurePolicy:
        """The same in the words of a declaration."""
        said = {category: getattr(self, category.value, None) for category in FailureCategory}
        return FailurePolicy(
            retries=tuple(
                RetryPolicy(category=category, retry=spec.retry, attempts=spec.attempts, delay=spec.delay)
                for category, spec in said.items()
                if spec is not None
            ),
            continue_on_permanent=self.continue_on_permanent,
        )


class ExtensionSpec(_Strict):
    """What is added to a type: typed columns, and columns that share one JSON column.

    `source` is NetSuite's table: instead of the one that a built-in type is read from, or if a type of the user's is
    not called as its table is. `failures` are its own answers to failures.
    """

    source: SourceTable | None = None
    columns: dict[SourceName, ColumnSpec] = {}
    json_columns: tuple[SourceName, ...] = ()
    failures: FailuresSpec | None = None


class TypeSpec(ExtensionSpec):
    """A whole record type."""

    id: Id
    table: Name
    modified: str | None = None
    depends_on: tuple[str, ...] = ()


class FileSpec(_Strict):
    """The whole file."""

    extend: dict[str, ExtensionSpec] = {}
    types: dict[TypeName, TypeSpec] = {}


_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "`name: value` lines, indented",
    "model_type": "`name: value` lines, indented",
    "tuple_type": "a list such as [a, b]",
}


def read_spec(document: Document) -> FileSpec:
    """The file's content, checked value by value; CustomTypesError for the first mistake from the top."""
    try:
        return FileSpec.model_validate({} if document.data is None else document.data)
    except ValidationError as error:
        found = [_explained(document, dict(mistake)) for mistake in error.errors(include_url=False)]
    raise min(found, key=lambda mistake: mistake[0])[1]


def _explained(document: Document, mistake: Mapping[str, Any]) -> tuple[int, CustomTypesError]:
    # pydantic marks a mistake in a key with an element of its own.
    place = tuple(part for part in mistake["loc"] if part != "[key]")
    line = next(document.lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in document.lines)
    return line, document.error(place, _sentence(place, mistake))


def _sentence(place: tuple[str | int, ...], mistake: Mapping[str, Any]) -> str:
    kind, last = mistake["type"], place[-1] if place else "the file"
    if kind == "extra_forbidden":
        known = ", ".join(field.alias or name for name, field in _model_at(place[:-1]).model_fields.items())
        return f"{last!r} is not known here; write one of {known}."
    if kind == "missing":
        return f"{last!r} is missing; write `{last}: …` below this line."
    if kind == "value_error":
        return str(mistake["msg"]).removeprefix("Value error, ")
    given = repr(mistake["input"])
    # As YAML has it.
    given = given.lower() if given in {"True", "False"} else given
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    return f"{last!r} cannot be {given}; write {_EXPECTED.get(kind, 'another value')}."


def _model_at(place: tuple[str | int, ...]) -> type[BaseModel]:
    if place[2:3] == ("failures",):
        return FailuresSpec if len(place) == 3 else RetrySpec
    if len(place) == 4:
        return ColumnSpec
    if len(place) == 2:
        return ExtensionSpec if place[0] == "extend" else TypeSpec
    return FileSpec
