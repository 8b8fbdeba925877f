"""Where an asset's metadata sends its frames, and the sentence for what it may not declare."""

from typing import Any

import pytest

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_target import FrameTarget

RESERVED = {"customers", "wave_batches"}


def test_the_table_is_the_asset_s_name_unless_another_is_declared() -> None:
    plain = FrameTarget.of({"key": ["id"]}, asset="sales", partitions=None, reserved=RESERVED)
    assert plain == FrameTarget(asset="sales", table="sales", key=("id",))
    declared = {"key": ("a", "b"), "table": "by_month", "partition_column": "b", "owner": "finance"}
    assert FrameTarget.of(declared, asset="sales", partitions=["1"], reserved=RESERVED) == FrameTarget(
        asset="sales", table="by_month", key=("a", "b"), partition_column="b", partitions=("1",)
    )


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"key": "id"}, "declares the key 'id': expected a list of different column names"),
        ({"key": ["id", "id"]}, "expected a list of different column names"),
        ({"key": [1]}, "expected a list of different column names"),
        ({"table": "a b"}, "declares the table 'a b': expected a name of at most 64 letters"),
        ({"table": "x" * 65}, "expected a name of at most 64 letters"),
        ({"table": "Wave_Batches"}, "cannot be stored in the table Wave_Batches, which the NetSuite import writes"),
        ({"partition_column": 1}, "declares the partition_column 1: expected the name of a column"),
    ],
)
def test_a_wrong_declaration_is_one_sentence(metadata: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FrameError, match=sentence):
        FrameTarget.of(metadata, asset="sales", partitions=None, reserved=RESERVED)
