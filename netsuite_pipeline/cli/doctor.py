"""`doctor`: one page of what is well and what is not, each with what to do. Reads, and prints; changes nothing.

What is looked at is in `netsuite_pipeline.doctor`.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.cli.console import errors, results
from netsuite_pipeline.cli.warehouse import existing_warehouse
from netsuite_pipeline.doctor.account import Account, account_checks
from netsuite_pipeline.doctor.dagster_home import DagsterHome, home_checks
from netsuite_pipeline.doctor.dagster_instance import Deployment, instance_checks
from netsuite_pipeline.doctor.database import Warehouse, connection_checks, database_checks
from netsuite_pipeline.doctor.examination import examine
from netsuite_pipeline.doctor.finding import Check, Finding, Group, Status
from netsuite_pipeline.doctor.network import network_checks
from netsuite_pipeline.doctor.privileges import privilege_checks
from netsuite_pipeline.doctor.record_types import record_type_checks
from netsuite_pipeline.doctor.settings import Configuration, settings_checks
from netsuite_pipeline.doctor.tables import table_checks
from netsuite_pipeline.doctor.tenants import tenant_checks
from netsuite_pipeline.orchestration.resources import warehouse_metadata

# As for all commands (`cli.main`): settings or arguments that cannot be worked with are 2.
_FOUND_AN_ERROR = 1
_MISUSED = 2
_TITLES = {
    Group.SETTINGS: "Settings",
    Group.DATABASE: "Database",
    Group.NETSUITE: "NetSuite",
    Group.RECORD_TYPES: "Record types",
    Group.DAGSTER: "Dagster",
}
_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.ERROR: "bold red", Status.NOT_CHECKED: "dim"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of findings as JSON.")] = False,
    only: Annotated[list[Group] | None, typer.Option(help="Look at this group alone; repeatable.")] = None,
    login: Annotated[
        bool, typer.Option("--login", help="Log in even if NetSuite refused the credentials lately.")
    ] = False,
) -> None:
    """Look at settings, database, NetSuite, record types and Dagster, and say what to do. It changes nothing.

    Exit code 0: all well, warnings allowed. 1: an error was found. 2: the settings cannot be worked with.
    """
    with ExitStack() as stack, errors.status("Looking ...") as status:
        checks = _checks(stack, login=login)
        findings = examine(
            checks, only=only or (), starting=lambda check: status.update(f"Looking: {check.attempted} ...")
        )
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        results.print(_table(findings))
        results.print(_summary(findings))
    if code := _exit_code(findings):
        raise typer.Exit(code)


def _checks(stack: ExitStack, *, login: bool) -> tuple[Check, ...]:
    configuration = Configuration()
    home = DagsterHome(os.environ.get("DAGSTER_HOME", ""))
    deployment = stack.enter_context(Deployment(configuration, home))
    warehouse = Warehouse(configuration, lambda: stack.enter_context(existing_warehouse(configuration.settings)))
    account = stack.enter_context(Account(configuration, refusals=warehouse.refusals, insist=login))
    return (
        *tenant_checks(),
        *settings_checks(configuration),
        *database_checks(warehouse),
        *privilege_checks(warehouse),
        *table_checks(warehouse, lambda: warehouse_metadata(configuration.catalog)),
        *network_checks(configuration),
        *account_checks(account),
        *record_type_checks(account, configuration),
        *home_checks(home, configuration),
        *instance_checks(deployment),
        *connection_checks(warehouse, runs=deployment.runs),
    )


def _exit_code(findings: Sequence[Finding]) -> int:
    wrong = {finding.group for finding in findings if finding.status is Status.ERROR}
    if not wrong:
        return 0
    return _MISUSED if Group.SETTINGS in wrong else _FOUND_AN_ERROR


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("Check", overflow="fold", ratio=3)
    table.add_column("Found", overflow="fold", ratio=5)
    table.add_column("What to do", overflow="fold", ratio=5)
    group: Group | None = None
    for finding in _one_page(findings):
        if finding.group is not group:
            group = finding.group
            table.add_row("", Text(_TITLES[group], "bold"), "", "")
        status = Text(finding.status.value, _STYLES[finding.status])
        # Texts: what NetSuite and databases say may hold brackets, which are no markup.
        table.add_row(status, Text(finding.attempted), Text(finding.found), Text(finding.remedy))
    return table


def _one_page(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Checks of a group that were not made for the same reason are one line, and so are record types that are well."""
    alike: dict[tuple[Group, str], list[Finding]] = {}
    for finding in findings:
        if finding.status is Status.NOT_CHECKED or _is_well(finding):
            said = finding.found if finding.status is Status.NOT_CHECKED else ""
            alike.setdefault((finding.group, said), []).append(finding)
    merged = {finding.check: same for same in alike.values() for finding in same}
    for finding in findings:
        same = merged.get(finding.check, [finding])
        if same[0] is finding:
            yield finding if len(same) == 1 else _merged(same)


def _is_well(finding: Finding) -> bool:
    return finding.group is Group.RECORD_TYPES and finding.status is Status.OK


def _merged(same: Sequence[Finding]) -> Finding:
    first = same[0]
    record_types = first.group is Group.RECORD_TYPES
    return replace(
        first,
        attempted=f"{len(same)} record types" if record_types else "; ".join(finding.attempted for finding in same),
        found="available with all columns" if _is_well(first) else first.found,
    )


def _summary(findings: Sequence[Finding]) -> Text:
    counts = Counter(finding.status for finding in findings)
    text = Text()
    for status in (Status.ERROR, Status.WARNING, Status.NOT_CHECKED, Status.OK):
        if count := counts[status]:
            plural = "s" * (count > 1 and status in {Status.ERROR, Status.WARNING})
            text.append(", " if text else "\n").append(f"{count} {status.value}{plural}", _STYLES[status])
    return text
