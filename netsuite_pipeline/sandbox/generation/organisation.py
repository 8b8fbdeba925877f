"""The company's own structure: subsidiaries, locations, price levels and the small code lists."""

from collections.abc import Iterator

from netsuite_pipeline.sandbox.generation.rows import Rows, generator_for, moment
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.words import CITIES
from netsuite_pipeline.sandbox.generation.world import World

_COUNTRIES = (("US", "TX"), ("GB", None), ("FR", None), ("AT", None), ("JP", None), ("PT", None))


def organisation(sizes: Sizes, seed: int, world: World) -> Iterator[Rows]:
    """Everything that other records refer to, smallest tables first."""
    yield _subsidiaries(sizes, seed, world)
    yield _locations(sizes, seed, world)
    yield _price_levels(sizes, world)


def _subsidiaries(sizes: Sizes, seed: int, world: World) -> Rows:
    random = generator_for(seed, "subsidiary")
    rows: list[tuple[object, ...]] = []
    full_names: dict[int, str] = {}
    for index in range(sizes.subsidiaries):
        # Id 1 is the root in every OneWorld account; later ids have gaps from deleted drafts.
        identifier = 1 if index == 0 else last_id(rows) + random.choice((1, 1, 2))
        parent = None if index == 0 else random.choice(world.subsidiaries)
        country, state = _COUNTRIES[index % len(_COUNTRIES)]
        name = "Parent Company" if index == 0 else f"{CITIES[index % len(CITIES)]} Branch {index}"
        full_names[identifier] = f"{full_names[parent]} : {name}" if parent else name
        world.subsidiaries.append(identifier)
        rows.append((
            identifier, name, full_names[identifier], f"{name} Ltd", parent, random.choice((1, 2, 4)),
            country, state, f"branch{identifier}@example.com", "https://www.example.com/?b=1&c=2", "en_US",
            "T" if index == 5 else "F", "F", moment(40 + index, 33_000 + index), country, state, 1,
            f"B{identifier}-" if index else None, 700 + identifier, "F" if index else "T",
        ))  # fmt: skip
    columns = (
        "id", "name", "fullname", "legalname", "parent", "currency", "country", "state", "email", "url",
        "languagelocale", "iselimination", "isinactive", "lastmodifieddate", "edition", "dropdownstate",
        "fiscalcalendar", "tranprefix", "mainaddress", "showsubsidiaryname",
    )  # fmt: skip
    return Rows("subsidiary", columns, rows)


def last_id(rows: list[tuple[object, ...]]) -> int:
    """The id of the last row so far; ids come first in every row."""
    identifier = rows[-1][0]
    if not isinstance(identifier, int):
        raise TypeError(f"A row must start with its numeric id, not {identifier!r}.")
    return identifier


def _locations(sizes: Sizes, seed: int, world: World) -> Rows:
    random = generator_for(seed, "location")
    rows: list[tuple[object, ...]] = []
    for index in range(sizes.locations):
        identifier = 2 + index * 2
        parent = random.choice(world.locations) if index > 2 and index % 3 == 0 else None
        owners = sorted(random.sample(world.subsidiaries, k=min(1 + index % 3, len(world.subsidiaries))))
        name = f"Warehouse {CITIES[index % len(CITIES)]}" + (" 📦" if index == 3 else "")
        world.locations.append(identifier)
        rows.append((
            identifier, name, name, parent, ", ".join(map(str, owners)), f"W{identifier}-",
            f"{random.uniform(-60, 60):.6f}", f"{random.uniform(-120, 140):.6f}", 500 + identifier,
            "T", "F", "T" if index == 7 else "F", moment(60 + index, 40_000 + index), "F", "T",
            2 if index % 3 == 0 else 1, f"wh-{identifier}" if index % 4 == 0 else None,
        ))  # fmt: skip
    columns = (
        "id", "name", "fullname", "parent", "subsidiary", "tranprefix", "latitude", "longitude",
        "mainaddress", "makeinventoryavailable", "usebins", "isinactive", "lastmodifieddate",
        "includeinsupplyplanning", "makeinventoryavailablestore", "locationtype", "externalid",
    )  # fmt: skip
    return Rows("location", columns, rows)


def _price_levels(sizes: Sizes, world: World) -> Rows:
    names = (
        "Base Price",
        "Alternate Price 1",
        "Online Price",
        "Wholesale -15%",
        "Employee",
        "Distributor",
        "Old list",
    )
    discounts = (None, "-5", "0", "-15", "-32.5", "-20.25", "-1")
    rows = [
        (index + 1, names[index], discounts[index], "T" if index == 2 else "F", "T" if index == 6 else "F",
         moment(80 + index, 41_000))
        for index in range(sizes.price_levels)
    ]  # fmt: skip
    world.price_levels.extend(range(1, sizes.price_levels + 1))
    return Rows("pricelevel", ("id", "name", "discountpct", "isonline", "isinactive", "lastmodifieddate"), rows)
