"""`tenants`: the companies of TENANTS_FILE, and the workspace.yaml that makes each a code location of its own."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Table
from rich.text import Text

from netsuite_pipeline.cli.console import results
from netsuite_pipeline.settings import Settings, SettingsError
from netsuite_pipeline.tenancy.activation import chosen_tenants, settings_of
from netsuite_pipeline.tenancy.file import Tenant, Tenants
from netsuite_pipeline.warehouse.engine import shown

tenants_app = typer.Typer(help="Several companies in one deployment.", no_args_is_help=True)

_LOCATION = """\
  - python_module:
      module_name: netsuite_pipeline.tenants
      attribute: {name}
      location_name: {name}
"""


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One company as people want to see it; `problem` is why it cannot start, and then the rest is unknown."""

    tenant: str
    integration_id: int | None
    account: str | None = None
    database: str | None = None
    nightly: str | None = None
    weekly: str | None = None
    time_zone: str | None = None
    problem: str | None = None


@tenants_app.command("list")
def list_tenants(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False) -> None:
    """Show each company's account, database and schedule. Exit code 1 if one of them could not start."""
    tenants = chosen_tenants()
    rows = list(_rows(tenants))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        results.print(_table(rows))
        for row in rows:
            if row.problem:
                results.print(Text.assemble((f"{row.tenant} cannot start: ", "red"), row.problem), soft_wrap=True)
    if any(row.problem for row in rows):
        raise typer.Exit(1)


@tenants_app.command()
def workspace() -> None:
    """Print the workspace.yaml that makes each company a code location of its own."""
    locations = "".join(_LOCATION.format(name=name) for name in chosen_tenants().names)
    typer.echo(f"load_from:\n{locations}", nl=False)


def _rows(tenants: Tenants) -> Iterator[_Row]:
    for tenant in tenants:
        try:
            yield _row(tenant, settings_of(tenants, tenant))
        except SettingsError as error:
            yield _Row(tenant=tenant.name, integration_id=tenant.integration_id, problem=str(error))


def _row(tenant: Tenant, settings: Settings) -> _Row:
    return _Row(
        tenant=tenant.name,
        integration_id=settings.integration_id,
        account=settings.netsuite_account_id or settings.netsuite_base_url,
        database=shown(sa.make_url(settings.warehouse_url.get_secret_value())),
        nightly=settings.nightly_cron,
        weekly=settings.weekly_cron,
        time_zone=settings.schedule_time_zone,
    )


def _table(rows: list[_Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Tenant", "Id", "Account", "Database", "Nightly", "Weekly", "Time zone"):
        table.add_column(column, overflow="fold")
    for row in rows:
        shown_id = None if row.integration_id is None else str(row.integration_id)
        cells = (row.tenant, shown_id, row.account, row.database, row.nightly, row.weekly, row.time_zone)
        # Texts: a URL may hold brackets, which are no markup.
        table.add_row(*(Text(cell or "\N{EN DASH}") for cell in cells))
    return table
