"""Addresses of customers, vendors, places of the company and transactions, as tidy as people type them.

An address follows from whose it is, so that the copy on a transaction is that of its customer.
"""

from collections.abc import Iterator, Sequence

from netsuite_pipeline.sandbox.generation.documents import Document
from netsuite_pipeline.sandbox.generation.rows import Rows, moment
from netsuite_pipeline.sandbox.generation.world import World

_COLUMNS = (
    "nkey", "recordowner", "lastmodifieddate", "override", "addressee", "attention", "addr1", "addr2", "addr3", "city",
    "state", "dropdownstate", "zip", "country", "addrphone", "addrtext",
)  # fmt: skip
# City, state, postal code and country.
_PLACES = (
    ("Austin", "TX", "78701", "US"), ("Leeds", None, "LS1 4AP", "GB"), ("Lyon", None, "69002", "FR"),
    ("Graz", None, "8010", "AT"), ("Osaka", "大阪府", "530-0001", "JP"), ("Porto", None, "4000-322", "PT"),
    ("Durban", "KZN", "4001", "ZA"), ("Perth", "WA", "6000", "AU"), ("Toronto", "ON", "M5H 2N2", "CA"),
    ("Boise", "ID", "83702-0001", "US"),
)  # fmt: skip
_STREETS = (
    "Main Street", "Hauptstraße", "rue de la République", "O'Connell Road", "𠮷野町", "Mill Lane", "ul. Długa",
)  # fmt: skip
_SECONDS = (None, None, None, "Suite 400", "2nd floor", "c/o Reception")
_TIDY = 32
_SALES = frozenset({"SalesOrd", "CustInvc"})
_SHIPPED_TO = _SALES | {"ItemShip"}
_Address = tuple[str | None, ...]


def default_addresses(entity: int) -> tuple[int | None, int | None]:
    """The keys of the billing and the shipping address of a customer or vendor: mostly one and the same."""
    if entity % 25 == 3:
        return None, None
    billing = entity * 2 + 7
    return billing, billing + 1 if entity % 10 == 0 else billing


def transaction_addresses(document: Document) -> tuple[int | None, int | None]:
    """The keys of the billing and the shipping address of a transaction; each transaction has copies of its own."""
    if document.entity is None or document.identifier % 20 == 7:
        return None, None
    billing = document.identifier + 100_000 if document.code in _SALES else None
    return billing, document.identifier + 200_000 if document.code in _SHIPPED_TO else None


def address_tables(seed: int, world: World, documents: Sequence[Document]) -> Iterator[Rows]:
    """Every table of addresses."""
    yield Rows("entityaddress", _COLUMNS, _of_entities(seed, world))
    yield Rows("transactionbillingaddress", _COLUMNS, _of_transactions(seed, documents, side=0))
    yield Rows("transactionshippingaddress", _COLUMNS, _of_transactions(seed, documents, side=1))
    for kind, owners, first in (("location", world.locations, 500), ("subsidiary", world.subsidiaries, 700)):
        rows = [_row(first + owner, owner, _address(owner + first, seed)) for owner in owners]
        yield Rows(f"{kind}mainaddress", _COLUMNS, rows)


def _of_entities(seed: int, world: World) -> Iterator[tuple[object, ...]]:
    for entities in (world.customers, world.vendors):
        for entity in entities:
            billing, shipping = default_addresses(entity)
            if billing is not None:
                yield _row(billing, entity, _address(entity, seed))
            if shipping is not None and shipping != billing:
                yield _row(shipping, entity, _address(entity, seed, 1))


def _of_transactions(seed: int, documents: Sequence[Document], *, side: int) -> Iterator[tuple[object, ...]]:
    for document in documents:
        key = transaction_addresses(document)[side]
        if key is not None and document.entity is not None:
            yield _row(key, document.identifier, _address(document.entity, seed))


def _row(key: int, owner: int, address: _Address) -> tuple[object, ...]:
    return (key, owner, moment(300 + key % 2000, key % 86_400), "F", *address)


def _address(owner: int, seed: int, number: int = 0) -> _Address:
    # Knuth's multiplicative hash: neighbours differ.
    mixed = (2 * owner + number + seed * 7919) * 2_654_435_761 >> 7
    city, state, code, country = _PLACES[mixed % len(_PLACES)]
    mixed //= len(_PLACES)
    street = f"{mixed % 300 + 1} {_STREETS[mixed // 300 % len(_STREETS)]}"
    second = _SECONDS[mixed // 7 % len(_SECONDS)]
    phone = f"+1 (512) 557-{mixed % 10_000:04}" if mixed % 4 == 0 else None
    text = f"{street}\n{code} {city}\n{country}"
    address = (f"Company {owner}", None, street, second, None, city, state, state, code, country, phone, text)
    dirt = mixed % _TIDY
    return _dirtied(address, dirt) if dirt < 8 else address


def _dirtied(address: _Address, dirt: int) -> _Address:
    """One of eight ways in which addresses are untidy."""
    who, _, street, second, _, city, state, choice, code, country, phone, text = address
    match dirt:
        case 0:
            return (who, "Goods in 📦", f" {street}\r\n\r\n  Unit 4 ", second, "Dock 2\n", *address[5:])
        case 1:
            return (*address[:9], (country or "").lower(), phone, text)
        case 2:
            return (*address[:8], "   ", country, phone, text)
        case 3:
            return (f"𠮷野家 {who} 🙂", None, f"{street} 👨‍👩‍👧‍👦", " ", second, *address[5:])
        case 4:
            return (*address[:8], f" {(code or '').lower().replace(' ', '   ')} ", f" {country}", phone, text)
        case 5:
            # Typed into one field, the others left alone.
            return (who, None, f"{street}\n{city}\n\n{code}", None, None, None, None, None, None, None, phone, None)
        case 6:
            return (who, *[None] * 11)
        case _:
            return (who, None, None, street, None, city, state, choice, None, country, phone, text)
