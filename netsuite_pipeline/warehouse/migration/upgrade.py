"""`db check` and `db upgrade`: what differs, and bringing the database to what is declared.

Either everything that differs can be done, or nothing is done at all: a change that needs a person is found before
the first step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.engine import read_connection, shown
from netsuite_pipeline.warehouse.errors import INDEX_EXISTS, TABLE_EXISTS, code_of, warehouse_error
from netsuite_pipeline.warehouse.migration.change_log import ChangeLog
from netsuite_pipeline.warehouse.migration.changes_table import SCHEMA_CHANGES
from netsuite_pipeline.warehouse.migration.ddl import perform, statements
from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.differences import differences
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused
from netsuite_pipeline.warehouse.migration.session import Session, changing

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A difference and the DDL that would settle it."""

    difference: Difference
    statements: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What an upgrade did, and what it left because widening was not asked for."""

    done: tuple[Difference, ...]
    left: tuple[Difference, ...]


def check(engine: sa.Engine, metadata: sa.MetaData) -> tuple[Finding, ...]:
    """Every difference between the declarations and the database; reads only."""
    try:
        with read_connection(engine) as connection:
            return tuple(
                Finding(
                    difference=difference,
                    statements=statements(connection, difference.table, difference.operations),
                )
                for difference in differences(connection, metadata)
            )
    except DBAPIError as error:
        raise warehouse_error(error, doing=f"Comparing {shown(engine.url)} with the declarations") from None


def planned(engine: sa.Engine, metadata: sa.MetaData, *, widen: bool) -> tuple[Finding, ...]:
    """What `upgrade` would do; ChangeRefused where it would refuse."""
    findings = check(engine, metadata)
    chosen, _ = _chosen(engine, tuple(finding.difference for finding in findings), widen=widen)
    return tuple(finding for finding in findings if finding.difference in chosen)


def upgrade(engine: sa.Engine, metadata: sa.MetaData, *, widen: bool, report: Report) -> Upgrade:
    """Creates what is missing and, if asked, widens columns; each step is reported and recorded.

    ChangeRefused, with nothing changed, when a difference needs a person. What a killed upgrade began is finished
    under its number, so that one downgrade undoes both.
    """
    with changing(engine, doing=f"Upgrading the tables of {shown(engine.url)}") as session:
        chosen, left = _chosen(engine, differences(session.connection, metadata), widen=widen)
        own = [difference for difference in chosen if difference.table == SCHEMA_CHANGES]
        for difference in own:
            # The record cannot hold its own beginning, and a downgrade keeps it.
            report(difference.title)
            _perform(session, difference)
        log = ChangeLog(session)
        number = log.settle() or log.next_number()
        done = [difference for difference in chosen if difference not in own]
        for difference in done:
            report(difference.title)
            _step(session, log, number=number, difference=difference)
        return Upgrade(done=(*own, *done), left=left)


def _chosen(
    engine: sa.Engine, found: tuple[Difference, ...], *, widen: bool
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    refused = [difference for difference in found if difference.verdict is Verdict.PERSON]
    if refused:
        first = refused[0]
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise ChangeRefused(
            f"Nothing was changed in {shown(engine.url)}, because {first.table}.{first.item}{more} needs a person:"
            f" found {first.found}, declared {first.declared}; {first.reason};"
            " `netsuite-pipeline db check` shows the statements."
        )
    left = tuple(difference for difference in found if difference.verdict is Verdict.WIDENS and not widen)
    done = {Verdict.SAFE, Verdict.WIDENS} if widen else {Verdict.SAFE}
    return tuple(difference for difference in found if difference.verdict in done), left


def _step(session: Session, log: ChangeLog, *, number: int, difference: Difference) -> None:
    change = log.start(number, difference, statements(session.connection, difference.table, difference.operations))
    if _perform(session, difference):
        log.finish(change)
    else:
        # An import created it meanwhile, so no downgrade may drop it.
        log.forget(change)


def _perform(session: Session, difference: Difference) -> bool:
    """Whether the step was done here; an import may create the same table or index at the same moment."""
    here = True
    for number, operation in enumerate(difference.operations):
        try:
            perform(session.connection, difference.table, [operation])
        except DBAPIError as error:
            creates = difference.action in {Action.CREATE_TABLE, Action.CREATE_INDEX}
            if not (creates and code_of(error) in {TABLE_EXISTS, INDEX_EXISTS}):
                raise _failed(error, difference) from None
            session.connection.rollback()
            here = here and number > 0
    session.checkpoint()
    return here


def _failed(error: DBAPIError, difference: Difference) -> Exception:
    doing = f"Upgrading stopped (run it again to go on from here), because the step to {difference.title}"
    return warehouse_error(error, doing=doing)
