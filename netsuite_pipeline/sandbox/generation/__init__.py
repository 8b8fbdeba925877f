"""Seeded, coherent, partly dirty company data. The same seed and size always give the same bytes.

One module per domain; each returns `Rows` of one table and knows the others only by the ids in `World` and,
where records are made from others, by the planned `documents`.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from netsuite_pipeline.sandbox.generation.addresses import address_tables
from netsuite_pipeline.sandbox.generation.charges import charge_table
from netsuite_pipeline.sandbox.generation.code_lists import code_lists
from netsuite_pipeline.sandbox.generation.custom import custom_tables, with_custom_columns
from netsuite_pipeline.sandbox.generation.customers import customer_table
from netsuite_pipeline.sandbox.generation.documents import plan_documents
from netsuite_pipeline.sandbox.generation.employees import employee_table
from netsuite_pipeline.sandbox.generation.headers import header_table
from netsuite_pipeline.sandbox.generation.items import item_table
from netsuite_pipeline.sandbox.generation.jobs import job_table
from netsuite_pipeline.sandbox.generation.lines import line_table
from netsuite_pipeline.sandbox.generation.organisation import organisation
from netsuite_pipeline.sandbox.generation.rare import with_rare_columns
from netsuite_pipeline.sandbox.generation.relations import relation_tables
from netsuite_pipeline.sandbox.generation.rows import Rows
from netsuite_pipeline.sandbox.generation.sizes import Sizes
from netsuite_pipeline.sandbox.generation.tracking import tracking_tables
from netsuite_pipeline.sandbox.generation.vendors import vendor_table
from netsuite_pipeline.sandbox.generation.world import World


def company(sizes: Sizes, seed: int) -> Iterator[Rows]:
    """Every table of one company. A table's rows have to be taken before the next table is asked for."""
    world = World.populated(sizes, seed)
    yield from code_lists()
    for rows in _records(sizes, seed, world):
        # Custom columns first: those that rows have already are not rare.
        yield with_rare_columns(with_custom_columns(rows, seed, world))
    yield from custom_tables(sizes, seed, world)


def edition() -> str:
    """Which data this version makes: two versions of the same edition make the same company of a seed and size."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.blake2b(b"".join(path.read_bytes() for path in sources), digest_size=6).hexdigest()


def _records(sizes: Sizes, seed: int, world: World) -> Iterator[Rows]:
    yield from organisation(sizes, seed, world)
    yield employee_table(seed, world)
    yield customer_table(seed, world)
    yield vendor_table(seed, world)
    yield from relation_tables(seed, world)
    yield item_table(sizes, seed, world)
    yield job_table(seed, world)
    documents = plan_documents(sizes, seed, world)
    yield header_table(seed, world, documents)
    yield line_table(seed, world, documents)
    yield charge_table(sizes, seed, world, documents)
    yield from address_tables(seed, world, documents)
    yield from tracking_tables(documents)
