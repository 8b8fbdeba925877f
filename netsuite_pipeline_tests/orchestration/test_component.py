"""The component in a project that holds nothing else of ours: scaffolded with `dg`, loaded with the user's types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPONENT = "netsuite_pipeline.orchestration.component"
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "record_types.example.yaml"
PROJECT = f"""
[project]
name = "host"
version = "0.1"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "host"
registry_modules = ["{COMPONENT}"]
"""
DEFINITIONS = """
from pathlib import Path
from dagster import definitions, load_from_defs_folder

@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A project as `create-dagster` makes it."""
    root = tmp_path / "project"
    for name, text in {
        "pyproject.toml": PROJECT,
        "home/dagster.yaml": "telemetry:\n  enabled: false\n",
        "host/__init__.py": "",
        "host/definitions.py": DEFINITIONS,
        "host/defs/__init__.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_component_brings_the_whole_pipeline_into_another_project(host: Path) -> None:
    _dg(host, "scaffold", "defs", f"{COMPONENT}.NetSuiteImport", "netsuite")
    assert f"type: {COMPONENT}.NetSuiteImport" in (host / "host/defs/netsuite/defs.yaml").read_text()

    listed = json.loads(_dg(host, "list", "defs", "--json"))
    assert {"customer", "customrecord_fleet"} <= {asset["asset_key"] for asset in listed["assets"]}
    assert {"start_import", "import_customrecord_fleet"} <= {job["name"] for job in listed["jobs"]}
    assert {sensor["name"] for sensor in listed["sensors"]} == {"wave_dispatcher", "batch_discovery"}


def _dg(host: Path, *arguments: str) -> str:
    variables = {"PYTHONPATH": str(host), "RECORD_TYPES_FILE": str(EXAMPLE), "DAGSTER_HOME": str(host / "home")}
    done = subprocess.run(
        [Path(sys.executable).parent / "dg", *arguments],
        cwd=host,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
