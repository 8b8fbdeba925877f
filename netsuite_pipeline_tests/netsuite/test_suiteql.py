"""The text of the queries, for one key column and for two."""

import re
from dataclasses import replace

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from netsuite_pipeline.netsuite.suiteql import (
    bounds_query,
    count_query,
    histogram_query,
    ids_query,
    page_query,
    probe_query,
)
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.record_types.batch import BatchRange
from netsuite_pipeline.record_types.model import Lookup, RecordType, Source, date, reference, text
from netsuite_pipeline_tests.netsuite.sqlite_account import LINE, THING

# Oracle Database SQL Language Reference, "Oracle SQL Reserved Words": no alias may be one of them.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """access add all alter and any as asc audit between by char check cluster column column_value comment compress
    connect create current date decimal default delete desc distinct drop else exclusive exists file float for from
    grant group having identified immediate in increment index initial insert integer intersect into is level like lock
    long maxextents minus mlslabel mode modify nested_table_id noaudit nocompress not nowait null number of offline on
    online option or order pctfree prior public raw rename resource revoke row rowid rownum rows select session set
    share size smallint start successful synonym sysdate table then to trigger uid union unique update user validate
    values varchar varchar2 view whenever where with""",
    )
)
IDS = st.integers(-(2**63), 2**63 - 1)
BATCH = BatchRange(1001, 5233)


def test_page_query_names_each_column_and_renders_times_itself():
    assert page_query(THING, BATCH, None) == (
        "SELECT thing.id AS refid, thing.name AS name,"
        " TO_CHAR(thing.lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS lastmodifieddate"
        " FROM thing WHERE thing.id BETWEEN 1001 AND 5233 ORDER BY thing.id"
    )


def test_page_query_renders_dates_without_a_time_and_leaves_qualified_columns_alone():
    record_type = RecordType(
        name="order",
        id=-9003,
        table="orders",
        source=Source(table="transaction"),
        fields=(date("trandate"), reference("mainline.location", name="location_id")),
    )
    query = page_query(record_type, BATCH, None)
    assert "TO_CHAR(transaction.trandate, 'YYYY-MM-DD') AS trandate" in query
    assert "mainline.location AS location_id" in query


def test_an_expression_is_asked_for_as_it_is_written():
    record_type = RecordType(
        name="order",
        id=-9003,
        table="orders",
        source=Source(table="transaction"),
        fields=(
            reference("(SELECT MIN(r.subsidiary) FROM relation r)", name="subsidiary_id"),
            text("kind", 10, "NVL(transaction.a, transaction.b)"),
            date("day", "NVL(transaction.day, transaction.night)"),
        ),
    )
    query = page_query(record_type, BATCH, None)
    assert " (SELECT MIN(r.subsidiary) FROM relation r) AS subsidiary_id," in query
    assert " NVL(transaction.a, transaction.b) AS kind," in query
    assert " TO_CHAR(NVL(transaction.day, transaction.night), 'YYYY-MM-DD') AS day " in query


def test_a_view_takes_the_place_of_a_table_under_its_name():
    view = "(SELECT DISTINCT charge.type AS id FROM charge)"
    record_type = RecordType(
        name="kind", id=-9004, table="kinds", source=Source(table="kind", view=view, where="kind.id > 0"), fields=()
    )
    assert page_query(record_type, BATCH, None) == (
        f"SELECT kind.id AS refid FROM {view} kind WHERE (kind.id > 0) AND kind.id BETWEEN 1001 AND 5233"
        " ORDER BY kind.id"
    )
    assert bounds_query(record_type).endswith(f" FROM {view} kind WHERE (kind.id > 0)")


PARENT = Lookup(alias="parent", table="thing", on="parent.id = child.parent")
CHILD = RecordType(
    name="child",
    id=-9005,
    table="children",
    source=Source(table="child", lookups=(PARENT,)),
    fields=(text("name", 50), text("parent_name", 50, "UPPER(parent.name)")),
)
JOIN = " FROM child LEFT JOIN thing parent ON parent.id = child.parent WHERE"


def test_a_table_that_is_read_for_another_has_its_name():
    child = replace(CHILD, source=replace(CHILD.source, view="infant"))
    assert " FROM infant child LEFT JOIN thing parent ON parent.id = child.parent WHERE" in page_query(
        child, BATCH, None
    )
    assert ids_query(child, BATCH, None).startswith("SELECT child.id AS refid FROM infant child WHERE child.id")


def test_a_lookup_is_part_of_the_queries_that_use_it():
    assert JOIN in page_query(CHILD, BATCH, None)
    assert JOIN in probe_query(CHILD)


def test_queries_that_do_not_use_a_lookup_do_not_pay_for_it():
    for query in (
        page_query(CHILD.without(["parent_name"]), BATCH, None),
        ids_query(CHILD, BATCH, None),
        count_query(CHILD, [BATCH]),
        bounds_query(CHILD),
        histogram_query(CHILD, width=10, origin=1, within=BATCH),
    ):
        assert "JOIN" not in query


def test_a_filter_that_uses_a_lookup_takes_it_into_every_query():
    filtered = replace(CHILD, source=replace(CHILD.source, where="parent.name IS NULL"))
    for query in (ids_query(filtered, BATCH, None), count_query(filtered, [BATCH]), bounds_query(filtered)):
        assert JOIN in query


def test_the_next_page_begins_after_the_last_key():
    assert " WHERE thing.id BETWEEN 1001 AND 5233 AND thing.id > 2044 ORDER BY" in page_query(THING, BATCH, (2044,))


def test_the_next_page_of_a_key_of_two_columns_begins_inside_the_first():
    query = page_query(LINE, BATCH, (2044, 3))
    assert query.endswith(
        " WHERE (line.kind = 'a' OR line.kind = 'b') AND line.parent BETWEEN 1001 AND 5233"
        " AND (line.parent > 2044 OR (line.parent = 2044 AND line.id > 3)) ORDER BY line.parent, line.id"
    )


def test_an_or_in_the_declared_filter_does_not_escape_the_range():
    for query in (
        page_query(LINE, BATCH, None),
        count_query(LINE, [BATCH]),
        bounds_query(LINE, 7),
        histogram_query(LINE, width=10, origin=1, within=BATCH),
    ):
        assert "WHERE (line.kind = 'a' OR line.kind = 'b') AND line.parent" in query


def test_ids_query_asks_for_the_key_only():
    assert ids_query(LINE, BATCH, None).startswith("SELECT line.parent AS transaction_id, line.id AS refid FROM")


def test_bounds_query_counts_everything_or_from_an_id_on():
    assert bounds_query(THING) == (
        "SELECT COUNT(*) AS records, MIN(thing.id) AS lowest, MAX(thing.id) AS highest FROM thing"
    )
    assert bounds_query(THING, -5).endswith(" FROM thing WHERE thing.id >= (-5)")


def test_count_query_counts_many_ranges_in_one_query():
    assert count_query(THING, [BatchRange(1, 9), BatchRange(-4, 0)]) == (
        "SELECT COUNT(CASE WHEN thing.id BETWEEN 1 AND 9 THEN 1 END) AS c0,"
        " COUNT(CASE WHEN thing.id BETWEEN (-4) AND 0 THEN 1 END) AS c1"
        " FROM thing WHERE thing.id BETWEEN (-4) AND 9"
    )


def test_histogram_query_groups_by_distance_from_the_origin():
    assert histogram_query(THING, width=250, origin=-7, within=BatchRange(-7, 900)) == (
        "SELECT FLOOR((thing.id - (-7)) / 250) AS bucket, COUNT(*) AS records FROM thing"
        " WHERE thing.id BETWEEN (-7) AND 900"
        " GROUP BY FLOOR((thing.id - (-7)) / 250) ORDER BY FLOOR((thing.id - (-7)) / 250)"
    )


@given(first=IDS, last=IDS, after=IDS)
def test_no_id_can_begin_a_comment(first, last, after):
    batch = BatchRange(min(first, last), max(first, last))
    for query in (
        page_query(THING, batch, (after,)),
        count_query(THING, [batch]),
        histogram_query(THING, width=5, origin=first, within=batch),
        bounds_query(THING, first),
    ):
        assert "--" not in query


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_every_declaration_makes_queries_that_parse_and_answer_the_declared_columns(record_type):
    after = tuple(range(len(record_type.key)))
    query = page_query(record_type, BATCH, after)
    tree = sqlglot.parse_one(query, dialect="oracle")
    assert [column.alias for column in tree.expressions] == [field.name for field in record_type.source_fields]
    assert not re.search(r"\bLIMIT\b|\bWITH\b|\*", query)
    for other in (bounds_query(record_type), count_query(record_type, [BATCH] * 25)):
        assert sqlglot.parse_one(other, dialect="oracle")


@pytest.mark.parametrize("record_type", CATALOG, ids=lambda record_type: record_type.name)
def test_no_column_is_named_by_a_word_of_oracles(record_type):
    assert not {field.name for field in record_type.source_fields} & RESERVED
