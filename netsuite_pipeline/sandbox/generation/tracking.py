"""Tracking numbers of what has left the house: one for each package, some for packages of two fulfillments."""

from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.documents import Document
from netsuite_pipeline.sandbox.generation.rows import Rows

_PACKAGES = (1, 1, 1, 2, 1, 1, 3, 1)


def tracking_tables(documents: Sequence[Document]) -> Iterator[Rows]:
    """The numbers, and the table that says which fulfillments they belong to."""
    numbers: list[tuple[object, ...]] = []
    links: list[tuple[object, ...]] = []
    for document in documents:
        if document.code != "ItemShip" or document.letter != "C" or document.identifier % 30 == 11:
            continue
        if numbers and document.identifier % 40 == 5:
            links.append((document.identifier, numbers[-1][0]))
        for package in range(_PACKAGES[document.identifier % len(_PACKAGES)]):
            # Later numbers need not be higher ones.
            text = f"1Z{document.identifier * 7 % 1000:03}E{document.identifier:06}{9 - package}"
            numbers.append((len(numbers) + 3, text))
            links.append((document.identifier, numbers[-1][0]))
    yield Rows("trackingnumber", ("id", "trackingnumber"), numbers)
    yield Rows("trackingnumbermap", ("transaction", "trackingnumber"), links)
