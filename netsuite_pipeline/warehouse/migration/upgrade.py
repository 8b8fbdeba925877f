"""`db check` and `db upgrade`: what differs, and bringing the database to what is declared.

Either everything that differs can be done, or nothing is done at all: a change that needs a person is found before
the first step.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations.ops import MigrateOperation
from sqlalchemy.exc import DBAPIError

from netsuite_pipeline.warehouse.engine import read_connection, shown
from netsuite_pipeline.warehouse.errors import INDEX_EXISTS, TABLE_EXISTS, code_of
from netsuite_pipeline.warehouse.migration.change_log import ChangeLog
from netsuite_pipeline.warehouse.migration.changes_table import SCHEMA_CHANGES
from netsuite_pipeline.warehouse.migration.ddl import needs_copy, perform, reflecting, statements
from netsuite_pipeline.warehouse.migration.difference import Action, Difference, Verdict
from netsuite_pipeline.warehouse.migration.differences import differences
from netsuite_pipeline.warehouse.migration.errors import ChangeRefused, change_error
from netsuite_pipeline.warehouse.migration.session import Session, changing
from netsuite_pipeline.warehouse.migration.steps import Report, Steps


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A difference and the DDL that would settle it; `copies` where SQLite would copy the table."""

    difference: Difference
    statements: tuple[str, ...]
    copies: bool


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
                    copies=needs_copy(connection, difference.operations),
                )
                for difference in differences(connection, metadata)
            )
    except DBAPIError as error:
        raise change_error(error, doing=f"Comparing {shown(engine.url)} with the declarations") from None


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
    doing = f"Upgrading the tables of {shown(engine.url)}"
    with changing(engine, doing=doing) as session, reflecting():
        chosen, left = _chosen(engine, differences(session.connection, metadata), widen=widen)
        steps = Steps(session, doing=doing, total=len(chosen), report=report)
        # The record cannot hold its own beginning, and a downgrade keeps it.
        own = [difference for difference in chosen if difference.table == SCHEMA_CHANGES]
        done = [difference for difference in own if _perform(session, steps, difference)[0]]
        log = ChangeLog(session)
        number = log.settle() or log.next_number()
        # All are noted before the first is done: a killed upgrade leaves one that is not marked, and so its number.
        noted = [
            (difference, log.start(number, difference, _statements(session, difference)))
            for difference in chosen
            if difference not in own
        ]
        for difference, change in noted:
            here, alone = _perform(session, steps, difference)
            if here:
                log.finish(change)
                done.append(difference)
            else:
                # An import created it meanwhile, so no downgrade may drop it.
                log.forget(change)
            if not alone:
                _verify(session, steps, metadata, difference)
        return Upgrade(done=tuple(done), left=left)


def _statements(session: Session, difference: Difference) -> tuple[str, ...]:
    return statements(session.connection, difference.table, difference.operations)


def _chosen(
    engine: sa.Engine, found: tuple[Difference, ...], *, widen: bool
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    refused = [difference for difference in found if difference.verdict is Verdict.PERSON]
    if refused:
        first = refused[0]
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise ChangeRefused(
            f"Nothing was changed in {shown(engine.url)}, because {first.name}{more} needs a person:"
            f" found {first.found}, declared {first.declared}; {first.reason};"
            " `netsuite-pipeline db check` shows the statements."
        )
    left = tuple(difference for difference in found if difference.verdict is Verdict.WIDENS and not widen)
    done = {Verdict.SAFE, Verdict.WIDENS} if widen else {Verdict.SAFE}
    return tuple(difference for difference in found if difference.verdict in done), left


def _perform(session: Session, steps: Steps, difference: Difference) -> tuple[bool, bool]:
    """Whether the step was done here, and all of it: an import may create the same table or index just now."""
    with steps.step(difference.title):
        mine = [_invoke(session, difference, operation) for operation in difference.operations]
    session.checkpoint()
    # The first operation creates the table, the others its indexes.
    return mine[0], all(mine)


def _invoke(session: Session, difference: Difference, operation: MigrateOperation) -> bool:
    try:
        perform(session.connection, difference.table, [operation])
    except DBAPIError as error:
        creates = difference.action in {Action.CREATE_TABLE, Action.CREATE_INDEX}
        if not (creates and code_of(error) in {TABLE_EXISTS, INDEX_EXISTS}):
            raise
        session.connection.rollback()
        return False
    return True


def _verify(session: Session, steps: Steps, metadata: sa.MetaData, created: Difference) -> None:
    for difference in differences(session.connection, metadata):
        same = difference.table == created.table and created.item in {"", difference.item}
        if same and difference.verdict is not Verdict.WIDER:
            raise ChangeRefused(
                f"{steps.stopped}, because another process created {created.name} at the same moment and not as"
                f" declared: {difference.name} is {difference.found}, declared {difference.declared};"
                " `netsuite-pipeline db check` shows the statements."
            )
