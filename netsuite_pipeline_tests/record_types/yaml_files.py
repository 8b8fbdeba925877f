"""Files of a user's to begin with, and what is asked of a catalog that was made of one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.model import RecordType

FLEET = "types:\n  fleet:\n    id: 5\n    table: cars\n    columns:\n      name: {kind: text, length: 9}\n"
CUSTOMER = "extend:\n  customer:\n    columns:\n      "

# From the text of a file to the catalog that it gives.
Load = Callable[[str], Catalog]


@dataclass(frozen=True)
class Chosen:
    """The settings that a catalog needs."""

    record_types_file: Path | None
    adopt_tables: tuple[str, ...] = ()


def names(record_type: RecordType) -> set[str]:
    """The columns beside the key."""
    return {field.name for field in record_type.value_fields}
