"""What a consumer may choose about a frame, and the sentence for what it may not."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from netsuite_pipeline.warehouse.errors import FrameError
from netsuite_pipeline.warehouse.frame_options import FrameOptions


def test_options_are_read_from_metadata_and_names_of_other_tools_are_left_alone() -> None:
    metadata = {"columns": ["b", "a"], "decimals": "float", "time_zone": "Europe/Paris", "dagster/x": 1}
    assert FrameOptions.of(metadata, asset="customer") == FrameOptions(
        columns=("b", "a"), decimals_as_float=True, time_zone=ZoneInfo("Europe/Paris")
    )
    assert FrameOptions.of({"decimals": "decimal"}, asset="customer") == FrameOptions()


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"colums": ["a"]}, "option 'colums', which does not exist; there are columns, decimals, time_zone"),
        ({"columns": "refid"}, "'columns' of the input customer is 'refid': expected a list of column names"),
        ({"columns": []}, "expected a list of column names"),
        ({"columns": ["a", "a"]}, "names a column twice"),
        ({"decimals": "exact"}, "'exact': expected 'decimal' or 'float'"),
        ({"time_zone": "Mars/Olympus"}, "'Mars/Olympus': expected the name of a time zone"),
        ({"time_zone": "Europe"}, "'Europe': expected the name of a time zone"),
        ({"time_zone": None}, "None: expected the name of a time zone"),
    ],
)
def test_a_wrong_option_is_one_sentence(metadata: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FrameError, match=sentence):
        FrameOptions.of(metadata, asset="customer")
