"""Custom fields and the custom record type: a fleet of cars, columns of other tables, and NetSuite's lists of both.

Values come from generators of their own, so that whatever is custom leaves the other values as they are.
"""

import random as randomness
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from netsuite_pipeline.sandbox.catalogue.custom import CUSTOM_FIELDS
from netsuite_pipeline.sandbox.generation.dirt import remark
from netsuite_pipeline.sandbox.generation.items import FULFILLABLE
from netsuite_pipeline.sandbox.generation.rows import DAYS, MIDNIGHT, Rows, cents, day, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.world import World

_FLEET_TYPE = 217
_REGIONS = ("North", "South", "East", "West", "Île-de-France", None)
_WARRANTIES = (12, 24, 36, None)
_WITH_WARRANTY = FULFILLABLE | {"NonInvtPart", "OthCharge", "Service"}
# Longer than any column of a fixed size.
_LOG = "Inspected, nothing found. " * 200
_Row = tuple[object, ...]
_Values = Callable[[_Row], _Row]


@dataclass(frozen=True)
class _Source:
    """What values of custom columns are made from: chance, who exists, and the columns of the rows they belong to."""

    random: randomness.Random
    world: World
    columns: tuple[str, ...]


def custom_tables(sizes: Sizes, seed: int, world: World) -> Iterator[Rows]:
    """The cars, and NetSuite's lists of custom record types and custom fields."""
    yield Rows.of("customrecord_fleet", _cars(generator_for(seed, "customrecord_fleet"), sizes.cars, world))
    yield Rows("customrecordtype", ("internalid", "scriptid", "name"), [(_FLEET_TYPE, "CUSTOMRECORD_FLEET", "Fleet")])
    # NetSuite lists script ids in capitals, SuiteQL's columns have small letters.
    fields = [
        (number, field.name.upper(), field.label, field.type, moment(100 + number, 36_000))
        for number, field in enumerate(CUSTOM_FIELDS, start=300)
    ]
    yield Rows("customfield", ("internalid", "scriptid", "name", "fieldvaluetype", "lastmodifieddate"), fields)


def with_custom_columns(rows: Rows, seed: int, world: World) -> Rows:
    """The rows with the custom columns of their table; other tables come back as they are."""
    make = _MADE_BY.get(rows.table)
    if make is None or not rows.columns:
        return rows
    values = make(_Source(generator_for(seed, f"{rows.table} custom"), world, rows.columns))
    added = tuple(field.name for field in CUSTOM_FIELDS if field.table == rows.table)
    return Rows(rows.table, (*rows.columns, *added), ((*row, *values(row)) for row in rows.values))


def _customers(source: _Source) -> _Values:
    random, employees = source.random, source.world.employees
    chance = random.random

    def values(_: _Row) -> _Row:
        return (
            _REGIONS[int(chance() * len(_REGIONS))],
            employees[int(chance() * len(employees))] if employees and chance() < 0.4 else None,
            cents(int(chance() * 100_000)) if chance() < 0.7 else None,
            flag(chance() < 0.1),
            # Codes of the older system keep their leading zeros.
            f"{int(chance() * 100_000):06}" if chance() < 0.3 else None,
            remark(random, 0.1),
        )

    return values


def _orders(source: _Source) -> _Values:
    random, code, created = source.random, source.columns.index("type"), source.columns.index("createddate")

    def values(row: _Row) -> _Row:
        if row[code] != "SalesOrd":
            return None, None
        ordered = date.fromisoformat(str(row[created])[:10])
        promised = ordered + timedelta(days=2 + int(random.random() * 30)) if random.random() < 0.8 else None
        return (
            promised and promised.isoformat() + MIDNIGHT,
            _LOG if random.random() < 0.02 else remark(random, 0.3),
        )

    return values


def _lines(source: _Source) -> _Values:
    chance = source.random.random
    item_type, cost = source.columns.index("itemtype"), source.columns.index("iscogs")

    def values(row: _Row) -> _Row:
        if row[item_type] in FULFILLABLE and row[cost] == "F" and chance() < 0.6:
            return (f"LOT-{int(chance() * 1_000_000):06}",)
        return (None,)

    return values


def _items(source: _Source) -> _Values:
    chance, item_type = source.random.random, source.columns.index("itemtype")

    def values(row: _Row) -> _Row:
        return (_WARRANTIES[int(chance() * len(_WARRANTIES))] if row[item_type] in _WITH_WARRANTY else None,)

    return values


# By table; the values are in the order of CUSTOM_FIELDS.
_MADE_BY: Mapping[str, Callable[[_Source], _Values]] = {
    "customer": _customers,
    "transaction": _orders,
    "transactionline": _lines,
    "item": _items,
}


def _cars(random: randomness.Random, count: int, world: World) -> Iterator[dict[str, object]]:
    chance = random.random
    identifier = 0
    for index in range(count):
        # Some were entered twice and deleted again.
        identifier += 2 if index % 16 == 15 else 1
        bought = int(chance() * (len(DAYS) - 400))
        created = bought + int(chance() * 10)
        state = random.choices("ABC", (80, 8, 12))[0]
        yield {
            "id": identifier,
            "name": f"Car {identifier}",
            "isinactive": flag(state == "C"),
            "created": moment(created, int(chance() * 86_400)),
            "lastmodified": moment(created + int(chance() * 390), int(chance() * 86_400)),
            "custrecord_fleet_plate": f"HH-{chr(65 + identifier % 26)} {identifier:04}",
            "custrecord_fleet_garage": random.choice(world.locations) if chance() < 0.9 else None,
            # Who sold a car drives it no more.
            "custrecord_fleet_driver": random.choice(world.employees) if state != "C" and chance() < 0.7 else None,
            "custrecord_fleet_bought": day(bought),
            "custrecord_fleet_price": cents(900_000 + int(chance() * 5_000_000)),
            "custrecord_fleet_doors": 3 + int(chance() * 3),
            "custrecord_fleet_state": state,
            "custrecord_fleet_notes": _LOG if index % 50 == 4 else remark(random, 0.2),
        }
