"""Where the frame of a person's own asset goes, as the asset's metadata declares it: table, key, partitions.

Whether the frame fits the table is found out by `frame_values`; the pipeline's own tables are not to be had.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from netsuite_pipeline.warehouse.errors import FrameError

# Also the limit of MySQL's names.
_TABLE = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True, kw_only=True)
class FrameTarget:
    """The table of an asset.

    `key` are the columns whose values identify a row; empty if the asset declares none, which is enough for reading.
    `partitions` are the keys of the partitions that a run is about, None for an asset without partitions;
    `partition_column` is the column that holds the partition key of each row, empty if there is none.
    """

    asset: str
    table: str
    key: tuple[str, ...] = ()
    partition_column: str = ""
    partitions: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        metadata: Mapping[str, Any],
        *,
        asset: str,
        partitions: Collection[str] | None,
        reserved: Collection[str],
    ) -> "FrameTarget":
        """The target that the metadata of the asset declares.

        `reserved` are the tables of the pipeline. FrameError if one of them is meant, or if something is declared
        wrong.
        """
        table = metadata.get("table", asset)
        if not isinstance(table, str) or not _TABLE.fullmatch(table):
            raise FrameError(
                f"Asset {asset} declares the table {table!r}: expected a name of at most 64 letters, digits and"
                " underscores."
            )
        # On some servers Customers and customers are one table.
        if table.lower() in reserved:
            raise FrameError(
                f"Asset {asset} cannot be stored in the table {table}, which the NetSuite import writes itself: name"
                " another one in its metadata, as 'table'."
            )
        column = metadata.get("partition_column", "")
        if not isinstance(column, str):
            raise FrameError(f"Asset {asset} declares the partition_column {column!r}: expected the name of a column.")
        if partitions is not None and not column:
            raise FrameError(
                f"Asset {asset} has partitions and does not say which of its rows belong to which: add a column with"
                " the partition key to the frame and name it in the asset's metadata, as 'partition_column'."
            )
        return cls(
            asset=asset,
            table=table,
            key=_key(metadata.get("key", ()), asset),
            partition_column=column,
            partitions=None if partitions is None else tuple(partitions),
        )

    def require_key(self) -> None:
        """FrameError if no key is declared, without which rows cannot be told apart."""
        if not self.key:
            raise FrameError(
                f"Asset {self.asset} returns a DataFrame and does not say what identifies a row of it: list the"
                " columns in its metadata, as 'key'."
            )


def _key(declared: Any, asset: str) -> tuple[str, ...]:
    names = isinstance(declared, (list, tuple)) and all(isinstance(name, str) for name in declared)
    if not names or len(set(declared)) < len(declared):
        raise FrameError(f"Asset {asset} declares the key {declared!r}: expected a list of different column names.")
    return tuple(declared)
