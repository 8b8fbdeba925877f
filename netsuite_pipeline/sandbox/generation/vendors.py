"""Vendors: companies and a few persons. Which subsidiaries each belongs to is in `relations`."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.addresses import default_addresses
from netsuite_pipeline.sandbox.generation.dirt import (
    OVERLONG_PHONE,
    YEAR_19_DATE,
    blanks,
    remark,
    spoil,
    unloadable_positions,
)
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, cents, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.words import (
    COMPANY_KINDS,
    COMPANY_STEMS,
    FIRST_NAMES,
    LAST_NAMES,
    SALUTATIONS,
)
from netsuite_pipeline.sandbox.generation.world import World


def vendor_table(seed: int, world: World) -> Rows:
    """The vendors; a few hold a value that no warehouse column can take."""
    return Rows.of("vendor", _vendors(generator_for(seed, "vendor"), world))


def _vendors(random: randomness.Random, world: World) -> Iterator[dict[str, object]]:
    unloadable = unloadable_positions(len(world.vendors))
    for index, identifier in enumerate(world.vendors):
        record = _vendor(random, identifier) | _settings(random) | _money(random)
        record["defaultbillingaddress"], record["defaultshippingaddress"] = default_addresses(identifier)
        record["timeapprover"] = random.choice(world.employees) if world.employees and random.random() < 0.05 else None
        spoil(record, unloadable.get(index), ("phone", OVERLONG_PHONE), ("datecreated", YEAR_19_DATE))
        yield record


def _vendor(random: randomness.Random, identifier: int) -> dict[str, object]:
    chance = random.random
    is_person = chance() < 0.15
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    company = blanks(random, f"{random.choice(COMPANY_STEMS)} {random.choice(COMPANY_KINDS)} Supplies")
    name = f"{first} {last}" if is_person else company
    created = int(chance() * (len(DAYS) - 60))
    # Vendors of an import from a spreadsheet have a display name only (Fivetran's seed shows four of them).
    unnamed = not is_person and chance() < 0.03
    return {
        "id": identifier,
        "entityid": f"VEND{identifier} {name.strip()}",
        "entitynumber": identifier,
        "entitytitle": f"VEND{identifier} {name.strip()}",
        "externalid": f"supplier-{identifier}" if chance() < 0.2 else None,
        "altname": name,
        "isperson": flag(is_person),
        "companyname": None if is_person or unnamed else company,
        "legalname": f"{company.strip()} (registered)" if not is_person and chance() < 0.3 else None,
        "firstname": first if is_person else None,
        "middlename": "B." if is_person and chance() < 0.1 else None,
        "lastname": last if is_person else None,
        "salutation": random.choice(SALUTATIONS) if is_person and chance() < 0.4 else None,
        "email": f"v{identifier}@example.net" if chance() < 0.7 else None,
        "phone": f"+1 (713) 555-{identifier % 10_000:04}" if chance() < 0.7 else None,
        "fax": f"713.555.{identifier % 10_000:04}" if chance() < 0.05 else None,
        "url": f"https://example.net/?v={identifier}&y=2" if chance() < 0.2 else None,
        "accountnumber": f"K-{int(chance() * 99_999)}" if chance() < 0.4 else None,
        "comments": remark(random, 0.15),
        "printoncheckas": company.strip() if not is_person and chance() < 0.1 else None,
        "datecreated": moment(created, int(chance() * 86_400)),
        "lastmodifieddate": moment(created + int(chance() * (len(DAYS) - created)), int(chance() * 86_400)),
    }


def _settings(random: randomness.Random) -> dict[str, object]:
    chance = random.random
    return {
        "emailpreference": "DEFAULT",
        "globalsubscriptionstatus": "2",
        "subsidiaryedition": "US",
        "isinactive": flag(chance() < 0.06),
        "isjobresourcevend": flag(chance() < 0.05),
        "duplicate": flag(chance() < 0.01),
        "billpay": "F",
        "giveaccess": "F",
        "emailtransactions": flag(chance() < 0.3),
        "faxtransactions": "F",
        "printtransactions": "F",
    }


def _money(random: randomness.Random) -> dict[str, object]:
    chance = random.random
    balance = cents(int(chance() * 900_000)) if chance() < 0.5 else "0"
    unbilled = cents(int(chance() * 300_000)) if chance() < 0.3 else "0"
    return {
        "currency": (1, 2, 4)[int(chance() * 3)],
        "terms": (1, 2, 5)[int(chance() * 3)] if chance() < 0.7 else None,
        "category": int(chance() * 4) + 1 if chance() < 0.6 else None,
        "incoterm": 1 if chance() < 0.1 else None,
        "expenseaccount": 58 if chance() < 0.3 else None,
        "payablesaccount": 111 if chance() < 0.3 else None,
        "balance": balance,
        "balanceprimary": balance,
        "unbilledorders": unbilled,
        "unbilledordersprimary": unbilled,
        "creditlimit": cents(int(chance() * 20) * 100_000) if chance() < 0.2 else None,
        "laborcost": f"{30 + chance() * 60:.2f}" if chance() < 0.05 else None,
    }
