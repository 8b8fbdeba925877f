"""Runs checks one after the other: each bounded in time, none hiding another, none that cannot tell anything.

What is looked at is decided by the checks themselves.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence

from netsuite_pipeline.doctor.finding import Answer, Check, Finding, Group, NotChecked, Status, error
from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.record_types.catalog import CatalogError
from netsuite_pipeline.settings import SettingsError
from netsuite_pipeline.warehouse.errors import WarehouseError

# Their texts are sentences for people, and hold no secret.
_EXPECTED = (CatalogError, NetSuiteError, SettingsError, WarehouseError)
_IN_URL = re.compile(r"(\w://)[^/\s]*@")
_UNEXPECTED_CHARACTERS = 300


def examine(
    checks: Sequence[Check], *, only: Collection[Group] = (), starting: Callable[[Check], None] = lambda _: None
) -> tuple[Finding, ...]:
    """What all checks find, group by group. They are looked at in their order; `starting` is told of each.

    With `only`, the checks of these groups; of those they need, what is in error is shown too.
    """
    chosen = _with_needs(checks, only) if only else list(checks)
    unwell: dict[str, str] = {}
    findings = []
    for check in chosen:
        reasons = [unwell[need] for need in check.needs if need in unwell]
        if reasons:
            answer = Answer(Status.NOT_CHECKED, f"because of {reasons[0]}")
            # What lies deeper is the reason, however many checks stand between.
            unwell[check.id] = reasons[0]
        else:
            starting(check)
            answer = _answer(check)
            if answer.status is Status.ERROR:
                unwell[check.id] = f"this error: {check.attempted}"
        finding = Finding(
            check=check.id,
            group=check.group,
            status=answer.status,
            attempted=check.attempted,
            found=answer.found,
            remedy=answer.remedy,
        )
        if not only or check.group in only or answer.status is Status.ERROR:
            findings.append(finding)
    groups = list(Group)
    return tuple(sorted(findings, key=lambda finding: groups.index(finding.group)))


def _with_needs(checks: Sequence[Check], only: Collection[Group]) -> list[Check]:
    by_id = {check.id: check for check in checks}

    def ids(check: Check) -> Iterator[str]:
        yield check.id
        for need in check.needs:
            yield from ids(by_id[need])

    wanted = {found for check in checks if check.group in only for found in ids(check)}
    return [check for check in checks if check.id in wanted]


def _answer(check: Check) -> Answer:
    """What the look brings, within its time: nothing that it calls can be trusted to give up (DNS, for one, cannot)."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(_looked(check)), name=f"doctor {check.id}", daemon=True)
    thread.start()
    thread.join(check.seconds)
    return answers[0] if answers else error(f"there was no answer within {check.seconds:.0f} s", check.remedy)


def _looked(check: Check) -> Answer:
    try:
        return check.look()
    except NotChecked as reason:
        return Answer(Status.NOT_CHECKED, f"because {reason}")
    except _EXPECTED as problem:
        return error(str(problem), check.remedy)
    except Exception as problem:  # noqa: BLE001 - it becomes a finding, and must not hide what the others find
        return error(_unexpected(problem), check.remedy)


def _unexpected(problem: Exception) -> str:
    # Drivers quote URLs at times; the first line is what people can read.
    lines = _IN_URL.sub(r"\1***@", str(problem)).strip().splitlines()
    said = lines[0][:_UNEXPECTED_CHARACTERS] if lines else ""
    return f"{type(problem).__name__}: {said}" if said else type(problem).__name__
