"""Date formats: Oracle's TO_CHAR and TO_DATE patterns, and the user's date-format preference.

Stored dates are ISO text (`YYYY-MM-DD HH:MM:SS`), so a pattern becomes substrings and no function is called
per value. Only numeric pattern elements are served; the rest is refused rather than guessed.
"""

import re
from dataclasses import dataclass
from datetime import datetime

# Element -> position and length in the stored text.
_ELEMENTS = {
    "YYYY": (1, 4), "YY": (3, 2), "MM": (6, 2), "DD": (9, 2), "HH24": (12, 2), "MI": (15, 2), "SS": (18, 2),
}  # fmt: skip
_TOKEN = re.compile(r'YYYY|HH24|YY|MM|DD|MI|SS|"[^"]*"|[-/.,:; ]|T(?=HH24)', re.IGNORECASE)
_ISO_DATETIME = "YYYY-MM-DD HH24:MI:SS"


class PatternError(ValueError):
    """A pattern with an element that is not served, or a text that does not match its pattern."""


def to_char(value: str, pattern: str) -> str:
    """SQL that renders the stored date `value` (SQL text) in `pattern`."""
    tokens = _tokens(pattern)
    if pattern.upper() == _ISO_DATETIME:
        return value
    if pattern.upper() == "YYYY-MM-DD":
        return f"substr({value}, 1, 10)"
    parts = []
    for token in tokens:
        if token.upper() in _ELEMENTS:
            start, length = _ELEMENTS[token.upper()]
            parts.append(f"substr({value}, {start}, {length})")
        else:
            literal = token.strip('"').replace("'", "''")
            parts.append(f"'{literal}'")
    return f"({' || '.join(parts)})"


def parse(text: str, pattern: str) -> str:
    """The stored form of `text` read by `pattern`; missing time parts are zero. PatternError if it does not
    fit.

    Oracle lets a text end early (`2025-01-31` for a pattern with a time) and reads one digit for two.
    """
    values = {"YYYY": 1, "MM": 1, "DD": 1, "HH24": 0, "MI": 0, "SS": 0}
    rest = text.strip()
    for token in _tokens(pattern):
        if not rest:
            break
        element = token.upper()
        if element not in _ELEMENTS:
            literal = token.strip('"')
            rest = rest.lstrip() if literal == " " else rest.removeprefix(literal)
            continue
        digits = re.match(rf"\d{{1,{_ELEMENTS[element][1]}}}", rest)
        if digits is None:
            raise PatternError(text)
        number = int(digits[0])
        values["YYYY" if element == "YY" else element] = 2000 + number if element == "YY" else number
        rest = rest[digits.end() :]
    if rest:
        raise PatternError(text)
    try:
        moment = datetime(  # noqa: DTZ001 - NetSuite's dates carry no zone
            values["YYYY"], values["MM"], values["DD"], values["HH24"], values["MI"], values["SS"]
        )
    except ValueError:
        raise PatternError(text) from None
    return moment.isoformat(sep=" ", timespec="seconds")


def _tokens(pattern: str) -> list[str]:
    tokens, position = [], 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise PatternError(pattern)
        tokens.append(match[0])
        position = match.end()
    return tokens


@dataclass(frozen=True)
class DateFormat:
    """A user's preference such as `D/M/YYYY`, `M/D/YYYY`, `DD.MM.YYYY` or `YYYY-MM-DD`; it has no time."""

    text: str = "D/M/YYYY"

    def __post_init__(self) -> None:
        if sorted({part[0] for part in self._parts()}) != ["D", "M", "Y"]:
            raise PatternError(f"{self.text!r} is no date format: expected D, M and YYYY, e.g. D/M/YYYY.")

    def render(self, stored: str) -> str:
        """The stored date in this format; a text that is no date is returned as it is."""
        year, month, day = stored[:4], stored[5:7], stored[8:10]
        if not (year + month + day).isdigit():
            return stored
        values = {"YYYY": year, "MM": month, "DD": day, "M": str(int(month)), "D": str(int(day))}
        return re.sub(r"YYYY|MM|DD|M|D", lambda match: values[match[0]], self.text)

    @property
    def pattern(self) -> str:
        """The Oracle pattern that reads what `render` writes."""
        return re.sub(r"M+", "MM", re.sub(r"D+", "DD", self.text))

    @property
    def java(self) -> str:
        """The form NetSuite prints in errors: `dd/MM/yyyy`."""
        return self.pattern.replace("DD", "dd").replace("YYYY", "yyyy")

    def _parts(self) -> list[str]:
        return re.findall(r"YYYY|MM?|DD?", self.text)
