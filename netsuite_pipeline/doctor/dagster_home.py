"""DAGSTER_HOME: the folder, its dagster.yaml, and whether Dagster's storage is there. Dagster itself is not loaded.

Loading an instance whose storage is missing would make it, and a doctor makes nothing; so it is looked at first.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.doctor.finding import Answer, Check, Group, error, ok, warning
from netsuite_pipeline.doctor.settings import Configuration
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.engine import shown
from netsuite_pipeline.warehouse.errors import warehouse_error

HOME = "dagster.home"
STORAGE = "dagster.storage"

_MAKE = "make it, once, before the services start: dagster instance info"
_COPY = "copy dagster.yaml, or deploy/mysql/dagster.yaml, of this project into it"
_CONNECT_SECONDS = 15
_FIRST_TABLE = "runs"
_MYSQL_PORT = 3306


class DagsterHome:
    """The folder that DAGSTER_HOME names, and what its dagster.yaml says of the storage."""

    def __init__(self, folder: str) -> None:
        """`folder` may be empty, if the variable is not set."""
        self.folder = folder

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """dagster.yaml, which Dagster itself checks; empty if there is none."""
        file = Path(self.folder, "dagster.yaml")
        found = yaml.safe_load(file.read_text()) if file.exists() else None
        return found if isinstance(found, dict) else {}

    @property
    def is_sqlite(self) -> bool:
        """Whether Dagster keeps its runs in SQLite files, as it does unless told otherwise."""
        # The three single storages are the older form.
        return not {"run_storage", "storage"} & self.configuration.keys() or "sqlite" in self._storage

    @property
    def runs_file(self) -> Path:
        """Where SQLite has the runs."""
        base = self._storage.get("sqlite", {}).get("base_dir", self.folder)
        return Path(_resolved(base) or self.folder, "history", "runs.db")

    @property
    def mysql_url(self) -> str:
        """The URL of the storage in MySQL; empty if it is elsewhere."""
        mysql = self._storage.get("mysql", {})
        if "mysql_db" not in mysql:
            return _resolved(mysql.get("mysql_url", ""))
        parts = {name: _resolved(value) for name, value in mysql["mysql_db"].items()}
        url = sa.URL.create(
            "mysql+pymysql",
            username=parts.get("username"),
            password=parts.get("password"),
            host=parts.get("hostname"),
            port=int(parts.get("port") or _MYSQL_PORT),
            database=parts.get("db_name"),
        )
        return url.render_as_string(hide_password=False)

    @property
    def _storage(self) -> dict[str, Any]:
        storage = self.configuration.get("storage")
        return storage if isinstance(storage, dict) else {}


def home_checks(home: DagsterHome, configuration: Configuration) -> tuple[Check, ...]:
    """The checks of folder and storage; the configuration tells which warehouse it is for."""
    return (
        Check(id=HOME, group=Group.DAGSTER, attempted="folder of DAGSTER_HOME", look=lambda: _home(home), remedy=_COPY),
        Check(
            id=STORAGE,
            group=Group.DAGSTER,
            attempted="where Dagster keeps runs and events",
            look=lambda: _storage(home, configuration),
            needs=(HOME,),
            remedy="correct `storage` in dagster.yaml",
        ),
    )


def _home(home: DagsterHome) -> Answer:
    if not home.folder:
        return error("DAGSTER_HOME is not set", "set it to the folder of the daemon's dagster.yaml, for all processes")
    folder = Path(home.folder)
    if not folder.is_absolute() or not folder.is_dir():
        return error(f"{folder} is no absolute path of a folder", "set DAGSTER_HOME to the folder of dagster.yaml")
    if not (folder / "dagster.yaml").exists():
        return warning(f"{folder} has no dagster.yaml: no limit of runs, no monitoring", _COPY)
    return ok(f"{folder}, {len(home.configuration)} sections in dagster.yaml")


def _storage(home: DagsterHome, configuration: Configuration) -> Answer:
    if home.is_sqlite:
        return _sqlite(home, configuration)
    if not home.mysql_url:
        return ok("not in SQLite files; the next check opens it")
    url = sa.make_url(home.mysql_url)
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        made = sa.inspect(engine).has_table(_FIRST_TABLE)
    except DBAPIError as problem:
        return error(
            str(warehouse_error(problem, doing=f"Connecting to {shown(url)}")), "correct the storage in dagster.yaml"
        )
    if not made:
        return error(f"{shown(url)} has no tables of Dagster's yet", _MAKE)
    return ok(shown(url))


def _sqlite(home: DagsterHome, configuration: Configuration) -> Answer:
    if not home.runs_file.exists():
        return error(f"not made yet: {home.runs_file} is missing", _MAKE)
    found = f"SQLite files in {home.runs_file.parent.parent}"
    if _has_server(configuration):
        return warning(
            f"{found}, which are for trying, and for one machine", "use deploy/mysql/dagster.yaml and DAGSTER_MYSQL_URL"
        )
    return ok(found)


def _has_server(configuration: Configuration) -> bool:
    try:
        return not configuration.settings.warehouse_url.get_secret_value().startswith("sqlite")
    except SettingsError:
        # Dagster can be looked at all the same.
        return False


def _resolved(value: Any) -> str:
    """A text of dagster.yaml, which may name an environment variable."""
    if isinstance(value, dict):
        value = os.environ.get(str(value.get("env", "")), "")
    return str(value) if isinstance(value, str | int) else ""
