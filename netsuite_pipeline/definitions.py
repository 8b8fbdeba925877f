"""The one Definitions object of the code location. Wiring only: everything follows from the catalog."""

import dagster as dg

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.record_types import CATALOG
from netsuite_pipeline.settings import Settings

defs: dg.Definitions = build_definitions(CATALOG, Settings.load())
