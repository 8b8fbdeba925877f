"""What the figures were measured on: processor, cores and versions, for the head of a report."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("pymysql", "SQLAlchemy", "pandas", "dlt", "httpx", "orjson")


def conditions(server: str) -> Mapping[str, str]:
    """By name, as people read them. `server` is what the database calls itself."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, shared by client and server",
        "database": f"MariaDB {server.partition('-')[0]}",
        "Python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
