"""What a check is and what it finds: plain data, and the few words to make it.

What is looked at is in the module of each group; how checks depend on each other is acted upon in `examination`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What a check is about; the order in which they are looked at."""

    SETTINGS = "settings"
    DATABASE = "database"
    NETSUITE = "netsuite"
    RECORD_TYPES = "record-types"
    DAGSTER = "dagster"


class Status(StrEnum):
    """How it stands. Imports run with warnings; with an error they do not, or not as they should."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the page. `check` is a stable id, `attempted` what was looked at, `remedy` what to do about it."""

    check: str
    group: Group
    status: Status
    attempted: str
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Answer:
    """What a look brought."""

    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to look at.

    `look` may raise an expected error, whose text becomes what was found, with `remedy`; or NotChecked. It is not
    called if one of the checks in `needs` is in error, and given up after `seconds`.
    """

    id: str
    group: Group
    attempted: str
    look: Callable[[], Answer]
    needs: tuple[str, ...] = ()
    remedy: str = ""
    seconds: float = 30.0


class NotChecked(Exception):  # noqa: N818 - it is an answer and no error
    """There is nothing to look at, or no way to; the text says why. What needs the check goes on."""


def ok(found: str) -> Answer:
    """All is well."""
    return Answer(Status.OK, found)


def warning(found: str, remedy: str) -> Answer:
    """Imports run, but someone should know."""
    return Answer(Status.WARNING, found, remedy)


def error(found: str, remedy: str) -> Answer:
    """Imports do not run, or not as they should."""
    return Answer(Status.ERROR, found, remedy)


def listed(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    """The names with commas, the first few of them if there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
