"""A column converted at once has the values, and the faults, that its values have one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Field, Kind, RecordType
from netsuite_pipeline.transform.batch import Row
from netsuite_pipeline.transform.columns import column_converter
from netsuite_pipeline.transform.rejection import ConversionError, Rejection
from netsuite_pipeline.transform.rows import RowTransformer
from netsuite_pipeline.transform.values import converter_for
from netsuite_pipeline_tests.transform.test_rows import DEBT, LINE, THING

FIELDS = [
    Field(name="whole", source="whole", kind=Kind.INTEGER),
    Field(name="flag", source="flag", kind=Kind.BOOLEAN),
    Field(name="day", source="day", kind=Kind.DATE),
    Field(name="moment", source="moment", kind=Kind.DATETIME),
    Field(name="money", source="money", kind=Kind.DECIMAL, precision=6, scale=2),
    Field(name="rounded", source="rounded", kind=Kind.DECIMAL, precision=6, scale=2, rounded=True),
    Field(name="fraction", source="fraction", kind=Kind.DECIMAL, precision=3, scale=3),
    Field(name="count", source="count", kind=Kind.DECIMAL, precision=4, scale=0),
    Field(name="short", source="short", kind=Kind.TEXT, length=3),
    Field(name="cut", source="cut", kind=Kind.TEXT, length=3, truncate=True),
    Field(name="long", source="long", kind=Kind.TEXT),
]
# Of every kind the plain, the unusual and the wrong, and what only looks right next to others.
VALUES: list[Any] = [
    *(
        "0",
        "7",
        "-7",
        "+7",
        "007",
        "1" * 18,
        "9" * 19,
        "1" * 99,
        "1\n2",
        "1\n",
        "\n1",
        " 1",
        "1 ",
        "1_0",
        "٣",
        "",
        "\n",
    ),
    *(
        "0.0",
        "-0",
        "-0.00",
        ".5",
        "5.",
        "0.5",
        "-.25",
        "1.5",
        "1.50",
        "9999.99",
        "10000",
        "1.234",
        "1.255",
        "0.999",
        "1e2",
    ),
    *("1.5\n2.5", "1E-3", "NaN", "Infinity", "12345", "1234", "0001234"),
    *("T", "F", "t", "true", True, False, 1, 0, 7, 2**70, 1.5, 0.1, 1e300),
    *("2026-01-31", "2026-02-30", "1000-01-01", "0999-12-31", "2026-1-1", "20260131", "2026-01-31\n2026-02-01"),
    *("2026-01-31 23:59:59", "2026-01-31 24:00:00", "2026-01-31T23:59:59", "2026-01-31 23:59:59.5", "2026-W05-6"),
    *("abc", "abcd", "é😀", "\ud83d", "\ude00", "a\nb", "\x00", [], {}, ["T"], {"T": 1}),
]


def _outcome(convert: Any, values: Any) -> Any:
    try:
        return convert(values)
    except ConversionError as error:
        return type(error), error.reason, error.detail


def _one_by_one(field: Field, column: Sequence[Any]) -> list[Any]:
    convert = converter_for(field)
    return [None if value is None else convert(value) for value in column]


def _same(found: Any, expected: Any) -> bool:
    """Equal and of equal types: True is 1, and a datetime is a date."""
    return repr(found) == repr(expected)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_column_of_one_value_is_what_the_value_is(field: Field) -> None:
    for value in VALUES:
        for column in ([value], [None, value], [value, value]):
            found = _outcome(lambda column: list(column_converter(field)(column)), column)
            assert _same(found, _outcome(lambda column: _one_by_one(field, column), column)), column


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@given(column=st.lists(st.none() | st.sampled_from(VALUES), max_size=8))
@example(column=[])
@example(column=[None, None])
@example(column=["\ud83d", "\ude00"])
def test_a_column_of_any_values_is_what_they_are_one_by_one(field: Field, column: list[Any]) -> None:
    found = _outcome(lambda column: list(column_converter(field)(column)), column)
    assert _same(found, _outcome(lambda column: _one_by_one(field, column), column))


def test_plain_columns_are_not_converted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"whole": "7", "flag": "T", "day": "2026-01-31", "moment": "2026-01-31 23:59:59", "money": "-1.50"}
    plain |= {"rounded": "0.5", "fraction": ".125", "count": "12", "short": "é", "cut": "long", "long": "text"}

    def never(field: Field) -> Any:
        def convert(value: Any) -> Any:
            if field.name != "cut":
                raise AssertionError(f"{field.name} is converted one by one")
            return value

        return convert

    monkeypatch.setattr("netsuite_pipeline.transform.columns.converter_for", never)
    for field in FIELDS:
        assert len(column_converter(field)([plain[field.name], None, plain[field.name]])) == 3


def test_a_type_without_columns_may_have_rules() -> None:
    bare = replace(DEBT, fields=(), rules=DEBT.rules[1:2])
    transformer, batch = RowTransformer(bare), BatchRange(1, 100)
    rows, rejections = transformer.transform_all([{"refid": "1"}, {"refid": "2"}], batch)
    assert ([row.key for row in rows], rejections) == ([(1,), (2,)], [])
    assert [rejection.key for rejection in transformer.transform_all([{"refid": "13"}], batch)[1]] == [(13,)]


_SOURCES = st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2", "13", "100", "101", "x", None])},
    optional={
        "parent": st.sampled_from(["1", "7", None]),
        "memo": st.sampled_from(["a", "much too long for it"]),
        "name": st.sampled_from(["a", "é", "much too long for it", 7]),
        "amount": st.sampled_from(["1.5", "-1", "x"]),
        "isinactive": st.sampled_from(["T", "x"]),
        "startdate": st.sampled_from(["2026-01-31", "31.01.2026"]),
        "status": st.sampled_from(["A", "B"]),
        "links": st.just([]),
        "Status": st.just("A"),
    },
)


@pytest.mark.parametrize("record_type", [THING, LINE, DEBT], ids=lambda record_type: record_type.name)
@given(sources=st.lists(_SOURCES, max_size=6))
def test_a_batch_has_the_rows_and_rejections_of_its_rows(
    record_type: RecordType, sources: list[dict[str, Any]]
) -> None:
    known = {field.name for field in record_type.source_fields} | {"links"}
    kept = [
        {name if name != "id" else record_type.key[-1].name: value for name, value in source.items()}
        for source in sources
    ]
    kept = [{name: value for name, value in row.items() if name.lower() in known} for row in kept]
    transformer, batch = RowTransformer(record_type), BatchRange(1, 100)
    results = [transformer.transform(row, batch) for row in kept]
    rows, rejections = transformer.transform_all(kept, batch)
    assert _same(rows, [result for result in results if isinstance(result, Row)])
    assert rejections == [result for result in results if isinstance(result, Rejection)]
