"""Items of every type, NetSuite's own negative ids among them."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, World, cents, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.words import DIRTY_TEXTS, ITEM_ADJECTIVES, ITEM_NOUNS, PLAIN_TEXTS

# System items with ids -7 to -1 exist in every account (Oracle's SuiteQL sample selects them).
_SYSTEM_ITEMS = (
    (-7, "Description", "-Not Taxable-"), (-6, "Subtotal", "Subtotal"), (-5, "TaxItem", "-System- Tax"),
    (-4, "EndGroup", "End of Group"), (-3, "Description", "Description"), (-2, "Subtotal", "Subtotal (old)"),
    (-1, "Discount", "-System- Discount"),
)  # fmt: skip
_TYPES = (
    "InvtPart",
    "NonInvtPart",
    "Service",
    "OthCharge",
    "Discount",
    "Kit",
    "Assembly",
    "Markup",
    "GiftCert",
)
_WEIGHTS = (50, 16, 12, 8, 4, 4, 3, 2, 1)
_SUBTYPED = {"NonInvtPart", "Service", "OthCharge"}
_COLUMNS = (
    "id", "itemid", "fullname", "displayname", "description", "externalid", "itemtype", "subtype", "parent",
    "subsidiary", "department", "class", "location", "incomeaccount", "expenseaccount", "assetaccount",
    "averagecost", "cost", "lastpurchaseprice", "totalvalue", "weight", "reorderpoint", "preferredstocklevel",
    "mpn", "upccode", "vendorname", "costingmethod", "countryofmanufacture", "isonline", "isfulfillable",
    "isserialitem", "islotitem", "isinactive", "createddate", "lastmodifieddate",
)  # fmt: skip


def item_table(sizes: Sizes, seed: int, world: World) -> Rows:
    """The items; about half are inventory parts and one has no type at all."""
    random = generator_for(seed, "item")
    rows: list[tuple[object, ...]] = []
    system = _SYSTEM_ITEMS[: min(len(_SYSTEM_ITEMS), sizes.items)]
    for identifier, system_code, name in system:
        rows.append(_item(random, world, identifier, system_code, name))
    identifier = 12
    for index in range(sizes.items - len(system)):
        code = None if index == 3 else random.choices(_TYPES, _WEIGHTS)[0]
        name = f"{random.choice(ITEM_ADJECTIVES)} {random.choice(ITEM_NOUNS)} {identifier}"
        rows.append(_item(random, world, identifier, code, name))
        # Only what can be sold appears on orders.
        if code in {"InvtPart", "NonInvtPart", "Service", "OthCharge"}:
            world.items.append((identifier, code, int(random.random() * 30_000) + 99))
        identifier += random.randrange(2, 12) if random.random() < 0.06 else 1
    return Rows("item", _COLUMNS, rows)


def _item(random: randomness.Random, world: World, identifier: int, code: str | None, name: str) -> tuple[object, ...]:
    return tuple(_values(random, world, identifier, code, name))


def _values(random: randomness.Random, world: World, identifier: int, code: str | None, name: str) -> Iterator[object]:
    chance = random.random
    stocked = code == "InvtPart"
    cost = int(chance() * 20_000) + 25
    created = int(chance() * (len(DAYS) - 60))
    second = int(chance() * 86_400)
    parent = random.choice(world.items)[0] if stocked and world.items and chance() < 0.05 else None
    yield from (identifier, name, f"Parent : {name}" if parent else name, name if chance() < 0.7 else None)
    yield random.choice(DIRTY_TEXTS if chance() < 0.3 else PLAIN_TEXTS) if chance() < 0.4 else None
    yield f"item-{identifier}" if chance() < 0.2 else None
    yield from (code, "Sale" if code in _SUBTYPED else None, parent)
    owners = random.sample(world.subsidiaries, k=min(2, len(world.subsidiaries)))
    yield ", ".join(map(str, sorted(owners))) or None
    yield int(chance() * 3) + 1 if chance() < 0.4 else None
    yield int(chance() * 3) + 1 if chance() < 0.4 else None
    yield random.choice(world.locations) if stocked and world.locations else None
    yield from (54, 58 if code != "Discount" else None, 121 if stocked else None)
    # Average cost is a quotient and has many decimals.
    yield f"{cost / 300:.6f}" if stocked else None
    yield cents(cost) if chance() < 0.8 else None
    yield cents(cost + 13) if stocked else None
    yield cents(cost * int(chance() * 900)) if stocked else None
    yield f"{chance() * 40:.3f}" if stocked and chance() < 0.6 else None
    yield str(int(chance() * 50)) if stocked and chance() < 0.5 else None
    yield str(int(chance() * 90)) if stocked and chance() < 0.4 else None
    yield f"MPN-{identifier:06}" if stocked else None
    # UPC codes keep their leading zeros.
    yield f"{int(chance() * 10**11):012}" if stocked and chance() < 0.7 else None
    yield f"V{identifier}\\{name[:10]}" if chance() < 0.1 else None
    yield from ("AVG" if stocked else None, "CN" if chance() < 0.2 else None)
    yield from ("T" if chance() < 0.2 else "F", "T" if stocked else "F")
    yield from ("T" if stocked and chance() < 0.02 else "F", "T" if stocked and chance() < 0.02 else "F")
    yield "T" if chance() < 0.08 else "F"
    yield from (moment(created, second), moment(created + int(chance() * 400), (second * 5) % 86_400))
