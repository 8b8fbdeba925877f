"""Which subsidiaries a customer or vendor belongs to: most to one, some to several, a few to none."""

from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.rows import Rows, flag, generator_for, moment
from netsuite_pipeline.sandbox.generation.words import CITIES
from netsuite_pipeline.sandbox.generation.world import World

_COLUMNS = (
    "id", "entity", "subsidiary", "isprimarysub", "isinactive", "name", "primarycurrency", "lastmodifieddate",
)  # fmt: skip


def relation_tables(seed: int, world: World) -> Iterator[Rows]:
    """The two relation tables; every customer or vendor that has rows has exactly one primary subsidiary."""
    yield _relations("customersubsidiaryrelationship", seed, world.customers, world.subsidiaries)
    yield _relations("vendorsubsidiaryrelationship", seed, world.vendors, world.subsidiaries)


def _relations(table: str, seed: int, entities: Sequence[int], subsidiaries: Sequence[int]) -> Rows:
    random = generator_for(seed, table)
    rows: list[tuple[object, ...]] = []
    for entity in entities if subsidiaries else ():
        chance = random.random()
        count = 0 if chance < 0.005 else 3 if chance > 0.99 else 2 if chance > 0.95 else 1
        chosen = random.sample(subsidiaries, k=min(count, len(subsidiaries)))
        # The primary one need not be the first one.
        primary = random.choice(chosen) if chosen else None
        for subsidiary in chosen:
            rows.append((
                len(rows) + 5, entity, subsidiary, flag(subsidiary == primary), "F", CITIES[entity % len(CITIES)],
                1, moment(1500 + entity % 900, entity % 86_400),
            ))  # fmt: skip
    return Rows(table, _COLUMNS, rows)
