"""Examples have no deadline: a busy machine is no failure. And catalogs of files that a test writes."""

from pathlib import Path

import pytest
from hypothesis import settings

from netsuite_pipeline.record_types.catalog import Catalog
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline_tests.record_types.yaml_files import Chosen, Load

settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The catalog of a file with this text."""

    def catalog(text: str) -> Catalog:
        file = tmp_path / "types.yaml"
        file.write_text(text)
        return load_catalog(Chosen(file))

    return catalog
