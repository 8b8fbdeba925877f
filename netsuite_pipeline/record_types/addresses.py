"""Addresses that records refer to: one declaration, used by every type of record that has some.

NetSuite keeps them in tables of their own, found by `nkey`. What it sends stays as it is; the columns that are made
of it, for comparing and for labels, stand beside it. Which types have which address is declared with the types.
"""

import re
from collections.abc import Callable

from netsuite_pipeline.record_types.model import Derived, Field, Lookup, Part, Values, text

_LINES = ("addr1", "addr2", "addr3")
_LINE_LENGTH = 255
_CODE_LENGTH = 64
_COUNTRY = re.compile(r"[A-Za-z]{2}")


def entity_addresses(entity: str) -> Part:
    """Where a customer, vendor or project is billed and shipped to unless a transaction says otherwise."""
    return address("billing", "entityaddress", of=f"{entity}.defaultbillingaddress") + address(
        "shipping", "entityaddress", of=f"{entity}.defaultshippingaddress"
    )


def address(name: str, table: str, *, of: str) -> Part:
    """The address with the key in column `of`, which is qualified; its columns are `<name>_addr1` and so on."""

    def column(source: str, length: int) -> Field:
        return text(f"{name}_{source}", length, f"{name}.{source}")

    return Part(
        lookups=(Lookup(alias=name, table=table, on=f"{name}.nkey = {of}"),),
        fields=(
            *(column(line, _LINE_LENGTH) for line in ("addressee", "attention", *_LINES, "city")),
            *(column(code, _CODE_LENGTH) for code in ("state", "zip", "country", "addrphone")),
        ),
        rules=(
            _lines_of(name),
            _normalized(
                country_code,
                of=f"{name}_country",
                into=text(f"{name}_country_code", 2),
                says=f"{name}_country in capitals if it is two letters; else NULL",
            ),
            _normalized(
                postal_code,
                of=f"{name}_zip",
                # In capitals a letter can become up to three.
                into=text(f"{name}_postal_code", 3 * _CODE_LENGTH),
                says=f"{name}_zip in capitals, with single blanks",
            ),
        ),
    )


def address_lines(*parts: str | None) -> str | None:
    """The lines of the street address without blank ones and blanks around them; None if nothing is left."""
    lines = [line.strip() for part in parts if part for line in part.splitlines()]
    return "\n".join(line for line in lines if line) or None


def country_code(country: str | None) -> str | None:
    """The two letters of ISO 3166, which SuiteQL sends; None for anything else."""
    code = (country or "").strip()
    return code.upper() if _COUNTRY.fullmatch(code) else None


def postal_code(code: str | None) -> str | None:
    """In capitals, with single blanks inside; None if it is blank."""
    return " ".join((code or "").split()).upper() or None


def _lines_of(name: str) -> Derived:
    columns = tuple(f"{name}_{line}" for line in _LINES)

    def lines(values: Values) -> str | None:
        return address_lines(*(values[column] for column in columns))

    return Derived(
        field=text(f"{name}_lines", len(_LINES) * (_LINE_LENGTH + 1)),
        of=columns,
        says=f"{', '.join(columns)}, without blank lines",
        compute=lines,
    )


def _normalized(normalize: Callable[[str | None], str | None], *, of: str, into: Field, says: str) -> Derived:
    def value(values: Values) -> str | None:
        return normalize(values[of])

    return Derived(field=into, of=(of,), says=says, compute=value)
