"""Running checks: each bounded, none hiding another, and what depends on an error is not looked at."""

import threading
import time
from collections.abc import Callable

from netsuite_pipeline.doctor.examination import examine
from netsuite_pipeline.doctor.finding import Answer, Check, Group, NotChecked, Status, error, ok
from netsuite_pipeline.warehouse.errors import WarehouseError


def check(name: str, look: Callable[[], Answer] = lambda: ok("well"), *needs: str, **more: object) -> Check:
    given: dict[str, object] = {"group": Group.SETTINGS, "attempted": f"the {name}", **more}
    return Check(id=name, look=look, needs=needs, **given)  # type: ignore[arg-type]


def raising(problem: Exception) -> Callable[[], Answer]:
    def look() -> Answer:
        raise problem

    return look


def statuses(*checks: Check) -> dict[str, Status]:
    return {finding.check: finding.status for finding in examine(checks)}


def test_what_nobody_expected_is_a_finding_and_hides_no_other() -> None:
    broken, after = examine([check("broken", raising(KeyError("x")), remedy="mend it"), check("after")])
    assert (broken.status, broken.found, broken.remedy) == (Status.ERROR, "KeyError: 'x'", "mend it")
    assert after.status is Status.OK


def test_an_expected_error_is_its_sentence() -> None:
    (finding,) = examine([check("database", raising(WarehouseError("Connecting failed.")))])
    assert (finding.status, finding.found) == (Status.ERROR, "Connecting failed.")


def test_credentials_in_urls_of_unexpected_errors_are_not_shown() -> None:
    (finding,) = examine([check("url", raising(RuntimeError("mysql://user:hunter2@/x@host/database is odd")))])
    assert finding.found == "RuntimeError: mysql://***@/x@host/database is odd"


def test_what_depends_on_an_error_is_not_looked_at_and_names_it() -> None:
    looked = []
    findings = examine(
        [
            check("first", lambda: error("bad", "mend it")),
            check("second", lambda: looked.append("second") or ok(""), "first"),
            check("third", lambda: looked.append("third") or ok(""), "second"),
        ]
    )
    assert looked == []
    assert [finding.status for finding in findings[1:]] == [Status.NOT_CHECKED] * 2
    assert {finding.found for finding in findings[1:]} == {"because of this error: the first"}


def test_what_cannot_be_looked_at_stops_nothing() -> None:
    (first, second) = examine([check("first", raising(NotChecked("there is none"))), check("second", ok_look, "first")])
    assert (first.status, first.found) == (Status.NOT_CHECKED, "because there is none")
    assert second.status is Status.OK


def test_a_look_that_does_not_end_is_given_up() -> None:
    ending, started = threading.Event(), time.monotonic()
    try:
        slow, after = examine([check("slow", lambda: ending.wait(60) and ok(""), seconds=0.05), check("after")])
    finally:
        ending.set()
    assert time.monotonic() - started < 4
    assert (slow.status, slow.found) == (Status.ERROR, "there was no answer within 0 s")
    assert after.status is Status.OK


def test_findings_are_told_group_by_group_whatever_was_looked_at_first() -> None:
    checks = [check("a", group=Group.DATABASE), check("b", group=Group.DAGSTER), check("c", group=Group.DATABASE)]
    assert [finding.check for finding in examine(checks)] == ["a", "c", "b"]


def test_only_looks_at_a_group_and_what_it_needs() -> None:
    started = []
    checks = [
        check("settings"),
        check("other"),
        check("broken", lambda: error("bad", "")),
        check("database", ok_look, "settings", group=Group.DATABASE),
        check("tables", ok_look, "broken", group=Group.DATABASE),
    ]
    findings = examine(checks, only=[Group.DATABASE], starting=lambda started_check: started.append(started_check.id))
    assert started == ["settings", "broken", "database"]
    assert [finding.check for finding in findings] == ["broken", "database", "tables"]


def ok_look() -> Answer:
    return ok("well")
