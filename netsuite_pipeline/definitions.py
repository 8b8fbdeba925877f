"""The one Definitions object of the code location. Wiring only: everything follows from the catalog."""

import dagster as dg

from netsuite_pipeline.orchestration.location import build_definitions
from netsuite_pipeline.orchestration.resources import warehouse_metadata
from netsuite_pipeline.record_types.custom import load_catalog
from netsuite_pipeline.settings import Settings
from netsuite_pipeline.tenancy.activation import activate_chosen

activate_chosen()
_settings = Settings.load()
_catalog = load_catalog(_settings)
# A table whose rows do not fit MySQL's limits is reported now, and not by the first import.
warehouse_metadata(_catalog)

defs: dg.Definitions = build_definitions(_catalog, _settings)
