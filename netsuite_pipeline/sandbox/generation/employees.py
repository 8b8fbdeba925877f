"""Employees, NetSuite's own `-System-` user among them."""

import random as randomness
from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.dirt import OVERLONG_PHONE, blanks, remark, spoil, unloadable_positions
from netsuite_pipeline.sandbox.generation.rows import DAYS, Rows, day, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.words import FIRST_NAMES, JOB_TITLES, LAST_NAMES
from netsuite_pipeline.sandbox.generation.world import World

_SYSTEM_USER = -5


def employee_table(seed: int, world: World) -> Rows:
    """Everybody has a supervisor but the first one; who has left keeps the record."""
    return Rows.of("employee", _employees(generator_for(seed, "employee"), world))


def _employees(random: randomness.Random, world: World) -> Iterator[dict[str, object]]:
    if world.employees:
        yield {
            "id": _SYSTEM_USER, "entityid": "-System-", "isinactive": "F", "issalesrep": "F",
            "lastmodifieddate": moment(0, 0),
        }  # fmt: skip
    unloadable = unloadable_positions(len(world.employees))
    for index, identifier in enumerate(world.employees):
        # Nobody reports to somebody hired later, so that the tree has no circle.
        supervisor = random.choice(world.employees[max(0, index - 30) : index]) if index else None
        record = _employee(random, world, identifier, supervisor)
        spoil(record, unloadable.get(index), ("phone", OVERLONG_PHONE))
        yield record


def _employee(random: randomness.Random, world: World, identifier: int, supervisor: int | None) -> dict[str, object]:
    chance = random.random
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    hired = int(chance() * (len(DAYS) - 400))
    left = hired + int(chance() * 900) if chance() < 0.12 else None
    subsidiary = random.choice(world.subsidiaries) if world.subsidiaries else None
    return {
        "id": identifier,
        "entityid": blanks(random, f"{identifier} {first} {last}", 0.02),
        "firstname": first,
        "middlename": "K." if chance() < 0.1 else None,
        "lastname": last,
        "title": random.choice(JOB_TITLES) if chance() < 0.9 else None,
        "email": f"e{identifier}@example.com" if chance() < 0.97 else None,
        "phone": f"+1 (512) 555-{identifier % 10_000:04}" if chance() < 0.7 else None,
        "mobilephone": f"+44 7{int(chance() * 10**9):09}" if chance() < 0.3 else None,
        "comments": remark(random, 0.1),
        "accountnumber": f"E-{identifier}" if chance() < 0.2 else None,
        "supervisor": supervisor,
        "approver": supervisor if chance() < 0.5 else None,
        "department": int(chance() * 3) + 1 if chance() < 0.9 else None,
        "class": int(chance() * 3) + 1 if chance() < 0.3 else None,
        "subsidiary": subsidiary,
        "location": random.choice(world.locations) if world.locations and chance() < 0.8 else None,
        "isinactive": flag(left is not None),
        "giveaccess": flag(left is None and chance() < 0.6),
        "issalesrep": flag(chance() < 0.35),
        "isjobresource": flag(chance() < 0.4),
        "hiredate": day(hired),
        "releasedate": None if left is None else day(left),
        "datecreated": moment(hired, 32_000 + identifier % 20_000),
        "lastmodifieddate": moment((left or hired) + 10, int(chance() * 86_400)),
    } | _terms(random)


def _terms(random: randomness.Random) -> dict[str, object]:
    chance = random.random
    limit = str(int(chance() * 20) * 500) if chance() < 0.3 else None
    return {
        "currency": 1,
        "employeestatus": -1 if chance() < 0.8 else 4,
        "employeetype": 1 if chance() < 0.9 else 3,
        "workcalendar": 1,
        "approvallimit": limit,
        "expenselimit": limit,
        "purchaseorderlimit": limit,
        "purchaseorderapprovallimit": "0",
        "laborcost": f"{20 + chance() * 90:.2f}" if chance() < 0.5 else None,
    }
