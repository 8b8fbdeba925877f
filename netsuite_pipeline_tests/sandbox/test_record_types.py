"""Queries as importers write them: charge types as an inline view, one subsidiary by a sub-select, name texts."""

from typing import Any

TYPES = "SELECT DISTINCT chargetype AS id, BUILTIN.DF(chargetype) AS name FROM charge WHERE chargetype IS NOT NULL"
VIEW = (
    "(SELECT DISTINCT charge.chargetype AS id, BUILTIN.DF(charge.chargetype) AS name FROM charge "
    "WHERE charge.chargetype IS NOT NULL) chargetype"
)


def test_charge_types_are_the_distinct_ids_of_charges_with_their_names(reader: Any) -> None:
    rows = {row["id"]: row["name"] for row in reader.rows(TYPES)}
    assert rows["-19"] == "Time-Based"
    assert rows["4"] == " Travel & subsistence "
    assert "11" not in rows
    ordered = reader.rows(f"{TYPES} ORDER BY id")
    assert [int(row["id"]) for row in ordered] == sorted(int(identifier) for identifier in rows)


def test_charge_types_as_an_inline_view_are_counted_bounded_bucketed_and_paged(reader: Any) -> None:
    rows = reader.rows(TYPES)
    ids = sorted(int(row["id"]) for row in rows)
    (bounds,) = reader.rows(
        "SELECT COUNT(*) AS records, MIN(chargetype.id) AS lowest, MAX(chargetype.id) AS highest "
        f"FROM {VIEW} WHERE chargetype.id >= (-100)"
    )
    assert bounds == {"records": str(len(ids)), "lowest": str(ids[0]), "highest": str(ids[-1])}
    bucket = "FLOOR((chargetype.id - (-21)) / 4)"
    histogram = reader.rows(
        f"SELECT {bucket} AS bucket, COUNT(*) AS records FROM {VIEW} WHERE chargetype.id BETWEEN (-21) AND 9 "
        f"GROUP BY {bucket} ORDER BY {bucket}"
    )
    assert sum(int(row["records"]) for row in histogram) == len(ids)
    page = reader.rows(
        f"SELECT chargetype.id AS id, chargetype.name AS name FROM {VIEW} "
        f"WHERE chargetype.id BETWEEN (-21) AND 100 AND chargetype.id > {ids[1]} ORDER BY chargetype.id",
        limit=2,
    )
    assert [int(row["id"]) for row in page] == ids[2:4]
    assert all(row["name"] for row in page)
    assert reader.value(
        f"SELECT COUNT(CASE WHEN chargetype.id BETWEEN (-30) AND 0 THEN 1 END) AS c0 FROM {VIEW} "
        "WHERE chargetype.id BETWEEN (-30) AND 0"
    ) == str(sum(identifier <= 0 for identifier in ids))


def test_one_subsidiary_per_entity_comes_from_a_sub_select(reader: Any) -> None:
    for entity in ("customer", "vendor"):
        relation = f"{entity}subsidiaryrelationship"
        rows = reader.rows(
            f"SELECT {entity}.id AS id, (SELECT MIN({relation}.subsidiary) FROM {relation} "
            f"WHERE {relation}.entity = {entity}.id AND {relation}.isprimarysub = 'T') AS subsidiary_id "
            f"FROM {entity} WHERE {entity}.id BETWEEN (-5) AND 99999 ORDER BY {entity}.id"
        )
        primary = {
            row["entity"]: row["subsidiary"]
            for row in reader.rows(f"SELECT entity, subsidiary FROM {relation} WHERE isprimarysub = 'T' ORDER BY id")
        }
        assert len(rows) == int(reader.value(f"SELECT COUNT(*) FROM {entity}"))
        assert {row["id"]: row["subsidiary_id"] for row in rows if "subsidiary_id" in row} == primary


def test_references_show_names(reader: Any) -> None:
    row = reader.rows(
        "SELECT BUILTIN.DF(entitystatus) AS status, BUILTIN.DF(customer) AS customer, customer AS id FROM job "
        "WHERE entitystatus = 2 ORDER BY id"
    )[0]
    assert row["status"] == "In Progress"
    assert row["customer"] == reader.value(f"SELECT altname FROM customer WHERE id = {row['id']}")
    sale = reader.rows("SELECT BUILTIN.DF(entity) AS shown, entity FROM transaction WHERE type = 'SalesOrd'")[0]
    assert sale["shown"] == reader.value(f"SELECT altname FROM entity WHERE id = {sale['entity']}")


def test_voided_invoices_show_their_status(reader: Any) -> None:
    shown = {row["s"] for row in reader.rows("SELECT DISTINCT BUILTIN.DF(status) AS s FROM transaction")}
    assert {"Invoice : Open", "Item Fulfillment : Shipped", "Opportunity : Closed - Won"} <= shown
