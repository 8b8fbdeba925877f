"""The categories of failure, by which every part of the pipeline decides what to do next.

Where an error gets its category: `netsuite.errors` for answers of NetSuite, `warehouse.errors` for the database.
What follows from a category: `waves.failure_policy`, and what a record type says of its own: `failure_policy`.
"""

from enum import StrEnum


class FailureCategory(StrEnum):
    """Why a batch was not imported."""

    TIMEOUT = "timeout"
    API_RATE_LIMIT = "api_rate_limit"
    API_UNAVAILABLE = "api_unavailable"
    DATABASE = "database"
    AUTHENTICATION = "authentication"
    PERMANENT_ERROR = "permanent_error"
    UNKNOWN = "unknown"
