"""Why a row was not loaded: the reasons, and the rejection that carries one.

Storing rejections is `warehouse.rejects`' business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netsuite_pipeline.record_types.batch import Key


class RejectReason(StrEnum):
    """The reason codes of `import_rejects`. A record type's own checks bring theirs with them."""

    MISSING_KEY = "missing_key"
    OUTSIDE_BATCH = "outside_batch"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_COLUMN = "unknown_column"
    INVALID_NUMBER = "invalid_number"
    INVALID_BOOLEAN = "invalid_boolean"
    INVALID_DATE = "invalid_date"
    INVALID_TEXT = "invalid_text"
    TOO_LONG = "too_long"
    OUT_OF_RANGE = "out_of_range"
    TOO_PRECISE = "too_precise"
    NULL_VALUE = "null_value"
    DUPLICATE_VALUE = "duplicate_value"
    MISSING_REFERENCE = "missing_reference"
    CHECK_FAILED = "check_failed"
    DATABASE = "database"


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """One row that is recorded instead of loaded.

    `reason` is a RejectReason or the reason of a record type's own check. `key` is the natural key where the row
    has one. `payload` is the row as NetSuite sent it. `error_code` is the database's code when the database
    refused the row.
    """

    reason: str
    detail: str
    payload: Mapping[str, Any]
    key: Key | None = None
    field: str | None = None
    error_code: int | None = None


class ConversionError(ValueError):
    """A value that the column cannot hold exactly."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
