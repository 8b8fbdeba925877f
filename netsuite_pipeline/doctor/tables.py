"""The tables: whether they are as declared, whether rows fit, and whether those of other people can be worked with.

Comparing is `warehouse.migration`'s, the limits of a row are `warehouse.row_size`'s.
"""

from collections.abc import Callable

import sqlalchemy as sa

from netsuite_pipeline.doctor.database import REACHABLE, Warehouse
from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, error, listed, ok, warning
from netsuite_pipeline.doctor.settings import RECORD_TYPES
from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import Field
from netsuite_pipeline.warehouse.adoption import adoption_of
from netsuite_pipeline.warehouse.engine import read_connection
from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.upgrade import check
from netsuite_pipeline.warehouse.row_size import PAGE_BYTES, ROW_BYTES, row_bytes
from netsuite_pipeline.warehouse.tables import ADOPTED

_INNODB_PAGE = 16 * 1024
_SEE = "netsuite-pipeline db check shows the statements"


def table_checks(warehouse: Warehouse, metadata: Callable[[], sa.MetaData]) -> tuple[Check, ...]:
    """The checks of the tables; `metadata` declares all of them."""
    return (
        Check(
            id="database.row_size",
            group=Group.DATABASE,
            attempted="the widest declared row",
            look=lambda: _row_size(warehouse),
            needs=(REACHABLE, RECORD_TYPES),
        ),
        Check(
            id="database.tables",
            group=Group.DATABASE,
            attempted="tables as declared (db check)",
            look=lambda: tables_answer(_differences(warehouse, metadata())),
            needs=(REACHABLE, RECORD_TYPES),
            remedy=_SEE,
            seconds=90,
        ),
        Check(
            id="database.adopted_tables",
            group=Group.DATABASE,
            attempted="tables that ADOPT_TABLES names",
            look=lambda: _adopted(warehouse, metadata()),
            needs=(REACHABLE, RECORD_TYPES),
            remedy="imports into it fail until then",
        ),
    )


def tables_answer(found: tuple[Difference, ...]) -> Answer:
    """What the differences mean for imports."""
    differing = [difference for difference in found if difference.verdict is not Verdict.WIDER]
    if not differing:
        return ok("nothing to migrate")
    person = [difference for difference in differing if difference.verdict is Verdict.PERSON]
    if person:
        return error(
            f"{_named(person)}: needs a person ({person[0].found}, declared {person[0].declared})", f"{_SEE}; change it"
        )
    # Imports create tables and indexes by themselves, and columns never.
    lacking = [difference for difference in differing if difference.action is Action.ADD_COLUMN]
    if lacking:
        return error(f"missing columns, so that imports stop: {_named(lacking)}", "netsuite-pipeline db upgrade")
    narrow = [difference for difference in differing if difference.verdict is Verdict.WIDENS]
    if narrow:
        return warning(
            f"narrower than declared, so that longer values are rejected: {_named(narrow)}",
            "netsuite-pipeline db upgrade --widen",
        )
    return warning(
        f"not there yet: {_named(differing)}", "netsuite-pipeline db upgrade; or the first import makes them"
    )


def row_size_answer(catalog: Catalog, *, page: int | None) -> Answer:
    """How near the widest table is to the limits; `page` is the server's innodb_page_size."""
    sizes = {name: row_bytes(name, fields) for name, fields in _fields(catalog).items()}
    name, (declared, in_page) = max(
        sizes.items(), key=lambda item: max(item[1][0] / ROW_BYTES, item[1][1] / PAGE_BYTES)
    )
    found = f"{name}: {declared:,} of {ROW_BYTES:,} bytes declared, {in_page:,} of {PAGE_BYTES:,} in the page"
    if page is not None and page < _INNODB_PAGE:
        return error(
            f"{found}, but innodb_page_size is {page:,} and not {_INNODB_PAGE:,}",
            "use a server with pages of 16 KiB: a server's size of pages cannot be changed",
        )
    return ok(found)


def _row_size(warehouse: Warehouse) -> Answer:
    page = None
    if warehouse.engine.dialect.name != "sqlite":
        page = int(warehouse.variables("GLOBAL.innodb_page_size")[0])
    return row_size_answer(warehouse.configuration.catalog, page=page)


def _fields(catalog: Catalog) -> dict[str, list[Field]]:
    """The columns of each table that imports create; types that share a table share columns."""
    tables: dict[str, dict[str, Field]] = {}
    for record_type in catalog:
        if not record_type.adopted:
            fields = tables.setdefault(record_type.table, {})
            for field in (*record_type.key, *record_type.value_fields):
                fields.setdefault(field.name, field)
    return {name: list(fields.values()) for name, fields in tables.items()}


def _differences(warehouse: Warehouse, metadata: sa.MetaData) -> tuple[Difference, ...]:
    return tuple(finding.difference for finding in check(warehouse.engine, metadata))


def _adopted(warehouse: Warehouse, metadata: sa.MetaData) -> Answer:
    tables = [table for table in metadata.sorted_tables if table.info.get(ADOPTED)]
    if not tables:
        raise NotChecked("ADOPT_TABLES names none")
    with read_connection(warehouse.engine) as connection:
        inspector = sa.inspect(connection)
        lacking = [f"{table.name}.{name}" for table in tables for name in adoption_of(inspector, table).lacking]
    if lacking:
        return ok(f"usable; without the columns that they do not have: {listed(lacking)}")
    return ok(f"usable: {listed([table.name for table in tables])}")


def _named(differences: list[Difference]) -> str:
    return listed([difference.name for difference in differences])
