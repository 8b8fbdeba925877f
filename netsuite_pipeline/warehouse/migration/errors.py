# ruff: noqa: N818 - the names say what happened
"""What ends an upgrade or a downgrade, mostly before it has changed anything."""

from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.errors import WarehouseError, code_of, message_of, warehouse_error

# No such column, no such table: imports are advised to be started again.
_ADVICE_FOR_IMPORTS = frozenset({1054, 1146})


class ChangeRefused(WarehouseError):
    """A change would lose something or needs a decision; the text says what a person has to do."""


class ChangesBusy(WarehouseError):
    """Another process is changing the tables."""


def change_error(error: DBAPIError, *, doing: str) -> WarehouseError:
    """As `warehouse_error`, without the advice that helps imports alone."""
    code = code_of(error)
    if code not in _ADVICE_FOR_IMPORTS:
        return warehouse_error(error, doing=doing)
    return WarehouseError(f"{doing} failed: {message_of(error).rstrip('.')} ({code}).", code=code)
