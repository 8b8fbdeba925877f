# ruff: noqa: N818 - the names say what happened
"""What ends an upgrade or a downgrade before it has changed anything."""

from netsuite_pipeline.warehouse.errors import WarehouseError


class ChangeRefused(WarehouseError):
    """A change would lose something or needs a decision; the text says what a person has to do."""


class ChangesBusy(WarehouseError):
    """Another process is changing the tables."""
