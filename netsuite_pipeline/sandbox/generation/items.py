"""Items of every type, NetSuite's own negative ids among them."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.dirt import (
    OVERLONG_CODE,
    YEAR_19_DATE,
    blanks,
    remark,
    spoil,
    unloadable_positions,
)
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.words import ITEM_ADJECTIVES, ITEM_NOUNS
from netsuite_pipeline.sandbox.generation.world import (
    DESCRIPTION_ITEM,
    DISCOUNT_ITEM,
    SUBTOTAL_ITEM,
    TAX_ITEM,
    Sellable,
    World,
)

# System items with ids -7 to -1 exist in every account (Oracle's SuiteQL sample selects them).
_SYSTEM_ITEMS = (
    (-7, "Description", "-Not Taxable-"), (-6, "Subtotal", "Subtotal"), (TAX_ITEM, "TaxItem", "-System- Tax"),
    (-4, "EndGroup", "End of Group"), (DESCRIPTION_ITEM, "Description", "Description"),
    (SUBTOTAL_ITEM, "Subtotal", "Subtotal (old)"), (DISCOUNT_ITEM, "Discount", "-System- Discount"),
)  # fmt: skip
_WEIGHTS = {
    "InvtPart": 46, "NonInvtPart": 14, "Service": 11, "OthCharge": 6, "Discount": 4, "Markup": 3,
    "Description": 3, "Subtotal": 2, "Kit": 3, "Assembly": 3, "Group": 2, "GiftCert": 1, "DwnLdItem": 1,
    "Payment": 1, "ShipItem": 1, "Expense": 1, "TaxGroup": 1,
}  # fmt: skip
# A small account has one of each type with an asset of its own; one item of a half-finished import has none.
_FIRST_TYPES = (
    "InvtPart", "NonInvtPart", "Service", None, "Description", "Subtotal", "Markup", "OthCharge", "Discount",
)  # fmt: skip
_SUBTYPED = {"NonInvtPart", "Service", "OthCharge"}
_STOCKED = {"InvtPart", "Assembly"}
FULFILLABLE = {"InvtPart", "Assembly", "Kit"}
_SOLD = FULFILLABLE | _SUBTYPED
# Types without a price, a cost or an account of their own.
_TEXT_ONLY = {"Description", "Subtotal", "EndGroup"}


def item_table(sizes: Sizes, seed: int, world: World) -> Rows:
    """The items; about half are inventory parts and one has no type at all."""
    return Rows.of("item", _items(generator_for(seed, "item"), sizes.items, world))


def _items(random: randomness.Random, count: int, world: World) -> Iterator[dict[str, object]]:
    system = _SYSTEM_ITEMS[:count]
    for identifier, system_code, name in system:
        yield _item(random, world, identifier, system_code, name)
    codes, weights = tuple(_WEIGHTS), tuple(_WEIGHTS.values())
    unloadable = unloadable_positions(count)
    identifier = 12
    for index in range(count - len(system)):
        code = _FIRST_TYPES[index] if index < len(_FIRST_TYPES) else random.choices(codes, weights)[0]
        name = f"{random.choice(ITEM_ADJECTIVES)} {random.choice(ITEM_NOUNS)} {identifier}"
        record = _item(random, world, identifier, code, name)
        spoil(record, unloadable.get(index), ("upccode", OVERLONG_CODE), ("createddate", YEAR_19_DATE))
        yield record
        # Only what can be sold appears on orders.
        if code in _SOLD:
            world.items.append(Sellable(identifier, code, int(random.random() * 30_000) + 99))
        identifier += random.randrange(2, 12) if random.random() < 0.06 else 1


def _item(random: randomness.Random, world: World, identifier: int, code: str | None, name: str) -> dict[str, object]:
    chance = random.random
    created = int(chance() * (len(DAYS) - 60))
    parts = [sellable.item for sellable in world.items[-50:]] if code == "InvtPart" and chance() < 0.05 else []
    parent = random.choice(parts) if parts else None
    owners = random.sample(world.subsidiaries, k=min(2, len(world.subsidiaries)))
    record = {
        "id": identifier,
        "itemid": blanks(random, name, 0.005),
        "fullname": f"Parent : {name}" if parent else name,
        "displayname": name if code not in _TEXT_ONLY and chance() < 0.7 else None,
        "description": remark(random, 0.9 if code == "Description" else 0.4, 0.3),
        "externalid": f"item-{identifier}" if chance() < 0.2 else None,
        "itemtype": code,
        "subtype": random.choice(("Sale", "Purchase", "Resale")) if code in _SUBTYPED else None,
        "parent": parent,
        "subsidiary": ", ".join(map(str, sorted(owners))) or None,
        "includechildren": flag(chance() < 0.5),
        "department": int(chance() * 3) + 1 if chance() < 0.4 else None,
        "class": int(chance() * 3) + 1 if chance() < 0.4 else None,
        "isonline": flag(chance() < 0.2),
        "isfulfillable": flag(code in FULFILLABLE),
        "isserialitem": flag(code == "InvtPart" and chance() < 0.02),
        "islotitem": flag(code == "InvtPart" and chance() < 0.02),
        "isdropshipitem": flag(code in _STOCKED and chance() < 0.03),
        "isspecialorderitem": "F",
        "printitems": flag(code in {"Kit", "Group"}),
        "isinactive": flag(chance() < 0.08),
        "createddate": moment(created, int(chance() * 86_400)),
        "lastmodifieddate": moment(created + int(chance() * 400), int(chance() * 86_400)),
    }
    if code not in _TEXT_ONLY:
        record |= _accounts_and_costs(random, code)
    if code in _STOCKED:
        record |= _stock(random, world, identifier)
    return record


def _accounts_and_costs(random: randomness.Random, code: str | None) -> dict[str, object]:
    chance = random.random
    cost = cents(int(chance() * 20_000) + 25) if code in _SOLD and chance() < 0.8 else None
    return {
        "incomeaccount": 54,
        "expenseaccount": 58 if code in _SOLD else None,
        "deferralaccount": 91 if code == "Service" and chance() < 0.2 else None,
        "cost": cost,
        "costestimate": cost if chance() < 0.3 else None,
        "costestimatetype": "ITEMDEFINED" if code in _SOLD else None,
        "vendorname": f"V{int(chance() * 9_999)}\\{ITEM_NOUNS[int(chance() * len(ITEM_NOUNS))]}"
        if chance() < 0.1
        else None,
        "manufacturer": "Ocean & Sons" if code in _STOCKED and chance() < 0.2 else None,
        "saleunit": 1 if code in _SOLD and chance() < 0.6 else None,
        "unitstype": 1 if code in _SOLD and chance() < 0.6 else None,
        "pricinggroup": 1 if chance() < 0.1 else None,
        "purchasedescription": remark(random, 0.1),
        "revenuerecognitionrule": 2 if code == "Service" and chance() < 0.4 else None,
        "createrevenueplanson": "-2" if code == "Service" and chance() < 0.4 else None,
        "generateaccruals": "F",
        "directrevenueposting": "F",
        "matchbilltoreceipt": "F",
        "shipindividually": flag(chance() < 0.02),
        "usemarginalrates": "F",
    }


def _stock(random: randomness.Random, world: World, identifier: int) -> dict[str, object]:
    chance = random.random
    cost, on_hand = int(chance() * 20_000) + 25, int(chance() * 900)
    committed = int(chance() * on_hand)
    return {
        "location": random.choice(world.locations) if world.locations else None,
        "assetaccount": 121,
        "gainlossaccount": 130,
        # Average cost is a quotient and has many decimals.
        "averagecost": f"{cost / 300:.6f}",
        "lastpurchaseprice": cents(cost + 13),
        "totalvalue": cents(cost * on_hand),
        "quantityonhand": str(on_hand),
        "quantityavailable": str(on_hand - committed),
        "quantitycommitted": str(committed),
        "quantityonorder": str(int(chance() * 100)) if chance() < 0.3 else None,
        "quantitybackordered": str(int(chance() * 20)) if chance() < 0.1 else None,
        "weight": f"{chance() * 40:.3f}" if chance() < 0.6 else None,
        "weightunit": 1 if chance() < 0.6 else None,
        "reorderpoint": str(int(chance() * 50)) if chance() < 0.5 else None,
        "preferredstocklevel": str(int(chance() * 90)) if chance() < 0.4 else None,
        "mpn": f"MPN-{identifier:06}",
        # UPC codes keep their leading zeros.
        "upccode": f"{int(chance() * 10**11):012}" if chance() < 0.7 else None,
        "costingmethod": "AVG",
        "costingmethoddisplay": "Average",
        "countryofmanufacture": "CN" if chance() < 0.3 else None,
        "purchaseunit": 1 if chance() < 0.6 else None,
        "stockunit": 1 if chance() < 0.6 else None,
    }
