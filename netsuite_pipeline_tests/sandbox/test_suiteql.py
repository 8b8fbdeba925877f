"""The SQL dialect: what is served and with which meaning, and what is refused."""

from typing import Any

import pytest

UNPROCESSED = "Invalid search query. Detailed unprocessed description follows. "
UNSUPPORTED = UNPROCESSED + "Search error occurred: Invalid or unsupported search."


def scalar(reader: Any, expression: str) -> str | None:
    value = reader.value(f"SELECT {expression} AS v FROM DUAL")
    return None if value is None else str(value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FLOOR(-1 / 250)", "-1"),
        ("FLOOR(-250 / 250)", "-1"),
        ("FLOOR(-251 / 250)", "-2"),
        ("FLOOR(249 / 250)", "0"),
        ("FLOOR(9007199254740 / 7)", "1286742750677"),
        ("7 / 2", "3.5"),
        ("1 / 3", "0.333333333333333"),
        ("0.1 + 0.2", "0.3"),
        ("MOD(-7, 3)", "-1"),
        ("MOD(7, 0)", "7"),
        ("ROUND(2.675, 2)", "2.68"),
        ("ROUND(-2.5)", "-3"),
        ("ROUND(1250, -2)", "1300"),
        ("ABS(-4.5)", "4.5"),
        ("TRUNC(-2.7)", "-2"),
        ("CEIL(2.1)", "3"),
        ("SUBSTR('abcdef', 0, 2)", "ab"),
        ("SUBSTR('abcdef', -2)", "ef"),
        ("SUBSTR('abc', 2, -1)", None),
        ("UPPER('straße é')", "STRASSE É"),
        ("'a' || NULL || 'b'", "ab"),
        ("'' || ''", None),
        ("1 || 'x'", "1x"),
        ("3.0 / 2 || ''", "1.5"),
        ("NVL(NULL, 'x')", "x"),
        ("COALESCE(NULL, NULL, 3)", "3"),
        ("NULLIF(3, 3)", None),
        ("GREATEST(1, 12, 3)", "12"),
        ("GREATEST(1, NULL)", None),
        ("CASE WHEN 2 > 1 THEN 'yes' ELSE 'no' END", "yes"),
        ("CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'c' END", "c"),
        ("TO_CHAR(TO_DATE('2025-10-08 07:06:05', 'YYYY-MM-DD HH24:MI:SS'), 'DD.MM.YY HH24:MI')", "08.10.25 07:06"),
        ("TO_CHAR(TO_DATE('2025-10-08', 'YYYY-MM-DD'), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", "2025-10-08T00:00:00Z"),
        ("TO_CHAR(TO_TIMESTAMP('2025-10-08 23', 'YYYY-MM-DD HH24'), 'HH24')", "23"),
        ("SESSIONTIMEZONE", "America/Los_Angeles"),
        ("(SELECT COUNT(*) FROM itemtype)", "20"),
        ("'it''s \\ \"q\" %'", 'it\'s \\ "q" %'),
    ],
)
def test_expressions_mean_what_they_mean_in_oracle(reader: Any, expression: str, expected: str | None) -> None:
    assert scalar(reader, expression) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("'abc' LIKE 'A%'", False),
        ("'abc' LIKE 'a_c'", True),
        ("'a%c' LIKE 'a\\%c' ESCAPE '\\'", True),
        ("'abc' NOT LIKE 'b%'", True),
        ("NULL = NULL", False),
        ("'' IS NULL", True),
        ("3 BETWEEN 1 AND 3", True),
        ("3 NOT BETWEEN 1 AND 3", False),
        ("3 IN ('3', '4')", True),
        ("3 NOT IN (1, NULL)", False),
        ("10 > '9'", True),
        ("1 = 1 AND NOT (1 = 2) OR 1 = 3", True),
        ("EXISTS (SELECT 1 FROM itemtype WHERE id = 'InvtPart')", True),
        ("2 IN (SELECT internalid FROM itemtype)", True),
    ],
)
def test_conditions_mean_what_they_mean_in_oracle(reader: Any, condition: str, holds: bool) -> None:
    assert bool(reader.rows(f"SELECT dummy FROM DUAL WHERE {condition}")) is holds


@pytest.mark.parametrize(
    "sql",
    [
        "WITH c AS (SELECT id FROM customer) SELECT id FROM c",
        "SELECT id FROM customer LIMIT 5",
        "SELECT id FROM customer WHERE lastmodifieddate > DATE '2025-01-01'",
        "SELECT LISTAGG(altname) WITHIN GROUP (ORDER BY id) FROM customer",
        "SELECT LISTAGG(altname, ',') FROM customer",
        "SELECT LISTAGG(altname, ',') WITHIN GROUP (ORDER BY id DESC) FROM customer",
        "SELECT LISTAGG(altname, parent) WITHIN GROUP (ORDER BY id) FROM customer",
        "SELECT id, LISTAGG(altname, ',') WITHIN GROUP (ORDER BY id) FROM customer",
        "SELECT COUNT(id) WITHIN GROUP (ORDER BY id) FROM customer",
        "SELECT UPPER(altname) WITHIN GROUP (ORDER BY id) FROM customer",
        "SELECT LEFT(altname, 2) FROM customer",
        "SELECT SUBSTRING(altname, 1, 2) FROM customer",
        "SELECT DATEDIFF(startdate, enddate) FROM customer",
        "SELECT altname + 'x' FROM customer",
        "SELECT SUM(id) OVER (PARTITION BY parent) FROM customer",
        "SELECT id FROM customer OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY",
        "SELECT id FROM customer FETCH FIRST 5 PERCENT ROWS ONLY",
        "SELECT id FROM customer FOR UPDATE",
        "SELECT id FROM customer MINUS SELECT id FROM item",
        "SELECT id FROM customer NATURAL JOIN item",
        "SELECT id FROM customer JOIN item USING (id)",
        "SELECT id FROM customer c, item i WHERE c.id = i.id(+)",
        "SELECT c.id FROM customer c JOIN item c ON 1 = 1",
        "SELECT id FROM customer c JOIN item i ON c.id = i.id",
        "SELECT id, COUNT(*) FROM customer",
        "SELECT parent, id FROM customer GROUP BY parent",
        "SELECT UPPER(altname) FROM customer GROUP BY LOWER(altname)",
        "SELECT parent FROM customer GROUP BY parent ORDER BY id",
        "SELECT COUNT(*) FROM customer GROUP BY 1",
        "SELECT COUNT(*) FROM customer GROUP BY (1)",
        "SELECT id FROM customer WHERE COUNT(*) > 1",
        "SELECT SUM(COUNT(*)) FROM customer",
        "SELECT SUM(altname) FROM customer",
        "SELECT id FROM customer HAVING id > 1",
        "SELECT id FROM customer WHERE altname > 5",
        "SELECT id FROM customer WHERE id = 'abc'",
        "SELECT id FROM customer WHERE id = altname",
        "SELECT id FROM customer WHERE (id, parent) IN ((1, 2))",
        "SELECT id FROM customer WHERE id IN ()",
        "SELECT CASE WHEN id > 1 THEN 'a' ELSE 2 END FROM customer",
        "SELECT TO_CHAR(lastmodifieddate, 'MONTH') FROM customer",
        "SELECT id FROM customer ORDER BY 2",
        "SELECT id FROM customer WHERE ROWNUM <= 5 ORDER BY id",
        "SELECT NO_SUCH_FUNCTION(id) FROM customer",
        "SELECT BUILTIN.CF(id) FROM customer",
        "SELECT id FROM customer UNION SELECT altname FROM customer",
        "SELECT id FROM customer UNION SELECT id, parent FROM customer",
        "SELECT a FROM (SELECT id FROM customer) c (a)",
        "SELECT /*+ FULL(customer) */ id FROM customer",
        "SELECT id FROM customer WHERE EXISTS (SELECT 1 FROM item LIMIT 1)",
        "SELECT COUNT(*) FILTER (WHERE id > 1) FROM customer",
        "SELECT id FROM customer WHERE id IN (SELECT id, parent FROM customer)",
        "SELECT id FROM sales.customer",
        "SELECT id FROM customer PIVOT (COUNT(id) FOR isperson IN ('T'))",
        "SELECT 1",
        "SELECT id FROM customer; SELECT id FROM item",
        "DELETE FROM customer",
        "UPDATE customer SET altname = 'x'",
        "DROP TABLE customer",
        "PRAGMA table_info(customer)",
        "",
        "SELEC id FROM customer",
        "SELECT id FROM customer WHERE 'open",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM DUAL",
    ],
)
def test_what_has_no_certain_meaning_is_refused(reader: Any, sql: str) -> None:
    assert reader.refusal(sql).startswith(UNSUPPORTED)


def test_listagg_joins_texts_in_order_and_leaves_nulls_out(reader: Any) -> None:
    listed = "LISTAGG(externalid, ', ') WITHIN GROUP (ORDER BY id)"
    ids = [
        row["externalid"]
        for row in reader.rows("SELECT externalid FROM vendor WHERE externalid IS NOT NULL ORDER BY id")
    ]
    assert reader.value(f"SELECT {listed} AS ids FROM vendor") == ", ".join(ids)
    assert reader.value(f"SELECT {listed} AS ids FROM vendor WHERE id < 0") is None
    grouped = reader.rows(f"SELECT isperson, {listed} AS ids FROM vendor GROUP BY isperson")
    assert sum(len(row["ids"].split(", ")) for row in grouped if "ids" in row) == len(ids)


def test_listagg_runs_in_a_sub_select_for_each_row(reader: Any) -> None:
    rows = reader.rows(
        "SELECT t.id AS id, (SELECT LISTAGG(n.trackingnumber, ', ') WITHIN GROUP (ORDER BY n.id)"
        " FROM trackingnumbermap m INNER JOIN trackingnumber n ON n.id = m.trackingnumber"
        " WHERE m.transaction = t.id) AS numbers FROM transaction t WHERE t.type = 'ItemShip' ORDER BY t.id"
    )
    assert {row.get("numbers", "").count(", ") for row in rows} == {0, 1, 2}
    assert any("numbers" not in row for row in rows)


def test_in_takes_a_thousand_values_and_no_more(reader: Any) -> None:
    values = ", ".join(map(str, range(1000)))
    assert reader.post(f"SELECT id FROM customer WHERE id IN ({values})").status_code == 200
    assert "1000" in reader.refusal(f"SELECT id FROM customer WHERE id IN ({values}, 1000)")


def test_bound_values_take_the_place_of_question_marks_in_the_order_of_the_text(reader: Any) -> None:
    rows = reader.rows(
        "SELECT ? AS label, id FROM item WHERE id BETWEEN ? AND ? ORDER BY id", params=["it's", "-7", -5]
    )
    assert rows == [{"label": "it's", "id": "-7"}, {"label": "it's", "id": "-6"}, {"label": "it's", "id": "-5"}]


@pytest.mark.parametrize("params", [[], ["1", "2"], [True], [["x"]]])
def test_bound_values_that_do_not_fit_are_refused(reader: Any, params: list[Any]) -> None:
    assert reader.refusal("SELECT id FROM item WHERE id = ?", params=params).startswith(UNSUPPORTED)


def test_an_unknown_column_is_named_one_at_a_time_with_the_sources(reader: Any) -> None:
    assert reader.refusal("SELECT id, subsidiary, location FROM transaction") == (
        UNPROCESSED + "Search error occurred: Unknown identifier 'subsidiary'. "
        "Available identifiers are: {transaction=transaction}."
    )
    joined = "SELECT t.id, m.nothing FROM transaction t LEFT JOIN transactionline m ON m.transaction = t.id"
    assert reader.refusal(joined).endswith("'nothing'. Available identifiers are: {t=transaction, m=transactionline}.")
    assert "'x'" in reader.refusal("SELECT x.id FROM customer")


def test_an_unknown_table_is_an_invalid_search_type(reader: Any) -> None:
    expected = UNPROCESSED + "Invalid search type: salesorder."
    assert reader.refusal("SELECT id FROM salesorder") == expected


def test_unnamed_expressions_are_numbered_and_keys_are_lower_case(reader: Any) -> None:
    (row,) = reader.rows('SELECT COUNT(*), MAX(ID), MIN(id) AS "First", 1 FROM Customer')
    assert list(row) == ["expr1", "expr2", "first", "expr3"]


def test_the_last_page_of_values_is_all_text_and_null_keys_are_missing(reader: Any) -> None:
    rows = reader.rows("SELECT id, externalid, isperson, creditlimit, NULL AS nothing FROM customer")
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert any("externalid" not in row for row in rows)
    assert not any("nothing" in row for row in rows)
    assert {row["isperson"] for row in rows} == {"T", "F"}


def test_minimum_of_no_rows_has_no_key(reader: Any) -> None:
    (row,) = reader.rows("SELECT MIN(id) AS low, COUNT(*) AS n FROM customer WHERE id < 0")
    assert row == {"n": "0"}


def test_a_bare_date_has_the_users_format_and_no_time_and_to_char_is_exact(reader: Any) -> None:
    row = reader.rows(
        "SELECT lastmodifieddate, TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS exact FROM customer ORDER BY id"
    )[0]
    year, month, day = (int(part) for part in row["exact"][:10].split("-"))
    assert row["lastmodifieddate"] == f"{day}/{month}/{year}"


def test_dates_compare_with_to_date_and_with_text_of_the_users_format_only(reader: Any) -> None:
    total = int(reader.value("SELECT COUNT(*) FROM customer"))
    bound = "2022-01-01 00:00:00"
    before = int(
        reader.value(
            f"SELECT COUNT(*) FROM customer WHERE lastmodifieddate < TO_DATE('{bound}', 'YYYY-MM-DD HH24:MI:SS')"
        )
    )
    after = int(reader.value("SELECT COUNT(*) FROM customer WHERE lastmodifieddate >= '1/1/2022'"))
    assert 0 < before < total
    assert before + after == total
    assert reader.refusal("SELECT id FROM customer WHERE lastmodifieddate > '2022-12-31'") == (
        UNPROCESSED + 'Search error occurred: Parse of date/time "2022-12-31" failed with date format "dd/MM/yyyy" '
        "in time zone America/Los_Angeles"
    )


def test_decimals_compare_and_sort_as_numbers(reader: Any) -> None:
    rows = reader.rows("SELECT balancesearch FROM customer WHERE balancesearch > 9 ORDER BY balancesearch DESC")
    values = [float(row["balancesearch"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert min(values) > 9
    assert max(values) > 10_000


def test_an_alias_wins_over_its_column_when_ordering(reader: Any) -> None:
    rows = reader.rows("SELECT TO_CHAR(id) AS id FROM item ORDER BY id")
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_nulls_sort_last_going_up_and_first_going_down(reader: Any) -> None:
    up = reader.rows("SELECT id, parent FROM customer ORDER BY parent, id")
    down = reader.rows("SELECT id, parent FROM customer ORDER BY parent DESC, id")
    assert "parent" in up[0]
    assert "parent" not in up[-1]
    assert "parent" not in down[0]


def test_odd_aliases_are_only_names(reader: Any) -> None:
    (row,) = reader.rows("""SELECT "a""b"."id" AS "x'y" FROM (SELECT id FROM item) "a""b" WHERE "a""b".id = -5""")
    assert row == {"x'y": "-5"}
    assert reader.rows(
        "(SELECT id FROM item WHERE id < -5) UNION (SELECT id FROM item WHERE id = -5) ORDER BY 1 DESC"
    ) == [
        {"id": "-5"},
        {"id": "-6"},
        {"id": "-7"},
    ]


@pytest.mark.parametrize("word", ["level", "DATE", "comment", "resource", "file"])
def test_a_word_of_oracles_is_no_alias_unless_in_quotes(reader: Any, word: str) -> None:
    for sql in (f"SELECT id AS {word} FROM item", f"SELECT x.id FROM item {word}"):
        assert reader.refusal(sql).startswith(UNPROCESSED)
    assert reader.rows(f'SELECT id AS "{word}" FROM item WHERE id = -5') == [{word.lower(): "-5"}]


def test_constants_in_order_by_are_no_positions(reader: Any) -> None:
    assert len(reader.rows("SELECT 99 AS c, id FROM item ORDER BY c, id")) > 7


def test_row_limits_work_before_and_after_ordering(reader: Any) -> None:
    first = [row["id"] for row in reader.rows("SELECT id FROM item ORDER BY id")][:3]
    for sql in (
        "SELECT TOP 3 id FROM item ORDER BY id",
        "SELECT id FROM item ORDER BY id FETCH FIRST 3 ROWS ONLY",
        "SELECT id FROM (SELECT id FROM item ORDER BY id) WHERE ROWNUM <= 3",
        "SELECT id FROM (SELECT ROWNUM AS rn, id FROM (SELECT id FROM item ORDER BY id)) WHERE rn BETWEEN 1 AND 3",
    ):
        assert sorted(row["id"] for row in reader.rows(sql)) == sorted(first)
    assert reader.rows("SELECT id FROM item WHERE ROWNUM < 1") == []


def test_grouping_counts_every_row_once(reader: Any) -> None:
    sql = (
        "SELECT FLOOR((id + 7) / 250) AS bucket, COUNT(*) AS n, COUNT(CASE WHEN isinactive = 'T' THEN 1 END) AS off "
        "FROM item GROUP BY FLOOR((id + 7) / 250) HAVING COUNT(*) > 0 ORDER BY bucket"
    )
    rows = reader.rows(sql)
    total, off = (
        reader.value("SELECT COUNT(*) FROM item"),
        reader.value("SELECT COUNT(*) FROM item WHERE isinactive = 'T'"),
    )
    assert sum(int(row["n"]) for row in rows) == int(total)
    assert sum(int(row["off"]) for row in rows) == int(off)
    assert [int(row["bucket"]) for row in rows] == sorted(int(row["bucket"]) for row in rows)


def test_unions_and_sub_selects_and_joins_agree(reader: Any) -> None:
    orders = reader.value("SELECT COUNT(*) FROM transaction WHERE type = 'SalesOrd'")
    joined = reader.value(
        "SELECT COUNT(DISTINCT t.id) FROM transaction t INNER JOIN transactionline l ON l.transaction = t.id "
        "WHERE t.type = 'SalesOrd'"
    )
    listed = reader.value(
        "SELECT COUNT(*) FROM transactionline WHERE mainline = 'T' "
        "AND transaction IN (SELECT id FROM transaction WHERE type = 'SalesOrd')"
    )
    united = reader.rows("SELECT id FROM subsidiary UNION SELECT id FROM subsidiary ORDER BY id")
    assert orders == joined == listed
    assert len(united) == int(reader.value("SELECT COUNT(*) FROM subsidiary"))
    assert len(reader.rows("SELECT id FROM subsidiary UNION ALL SELECT id FROM subsidiary")) == 2 * len(united)


def test_builtin_df_shows_names_of_references_and_statuses(reader: Any) -> None:
    row = reader.rows(
        "SELECT BUILTIN.DF(status) AS status, BUILTIN.DF(currency) AS currency FROM transaction "
        "WHERE type = 'SalesOrd' AND status = 'B'"
    )[0]
    assert row["status"] == "Sales Order : Pending Fulfillment"
    assert row["currency"] in {"US Dollar", "British Pound", "Euro"}
    assert "no display text" in reader.refusal("SELECT BUILTIN.DF(territory) FROM customer")


def test_select_star_answers_every_filled_column(reader: Any) -> None:
    row = reader.rows("SELECT * FROM item WHERE id = -5")[0]
    assert row["itemid"] == "-System- Tax"
    assert len(row) > 10
