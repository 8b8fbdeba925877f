"""Rejects say what was wrong, count attempts, and are resolved when the row is good again."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from netsuite_pipeline.transform.rejection import Rejection, RejectReason
from netsuite_pipeline.warehouse.rejects import payload_json, rejected_rows
from netsuite_pipeline_tests.warehouse.samples import Importer, batch_of, rejection, while_loading, widgets


def test_a_reject_holds_reason_field_payload_batch_job_and_run(importer: Importer) -> None:
    ledger = importer.loader.load(
        batch_of([], rejections=[rejection((7,), id="7", amount="12,5 €")]), job_id="j", run_id="r"
    )
    (reject,) = importer.rows_of("import_rejects")
    assert json.loads(reject.pop("payload")) == {"id": "7", "amount": "12,5 €"}
    now = reject["first_seen"]
    assert while_loading(ledger, now)
    assert reject == {
        "id": 1,
        "record_type": "widget",
        "row_key": "7",
        "key_first": 7,
        "batch_first": 1,
        "batch_last": 1000,
        "reason": "invalid_number",
        "field": "amount",
        "detail": "not usable",
        "error_code": None,
        "job_id": "j",
        "run_id": "r",
        "first_seen": now,
        "last_seen": now,
        "attempts": 1,
        "resolved_at": None,
    }


def test_a_row_that_is_rejected_again_counts_one_more_attempt(importer: Importer) -> None:
    rejections = [rejection((7,), id="7"), rejection(None, name="nameless"), rejection(None, name="another")]
    importer.load(batch_of([], rejections=rejections))
    rejects = importer.rows_of("import_rejects")
    assert [reject["attempts"] for reject in rejects] == [2, 2, 2]
    assert all(reject["first_seen"] < reject["last_seen"] for reject in rejects)
    assert [reject["row_key"][:7] for reject in rejects] == ["7", "sha256:", "sha256:"]


def test_a_reject_that_does_not_come_again_is_resolved_and_others_stay(importer: Importer) -> None:
    importer.load(batch_of([], rejections=[rejection((7,)), rejection((8,)), rejection(None, name="nameless")]))
    importer.load(batch_of([], first=1001, last=2000, rejections=[rejection((1500,))]))
    ledger = importer.load(batch_of(widgets([7]), rejections=[rejection((8,))]))
    resolved = {reject["row_key"][:7]: reject["resolved_at"] for reject in importer.rows_of("import_rejects")}
    assert [key for key, moment in resolved.items() if moment is None] == ["8", "1500"]
    assert while_loading(ledger, resolved["7"])
    assert while_loading(ledger, resolved["sha256:"])


def test_a_resolved_reject_opens_again(importer: Importer) -> None:
    importer.load(batch_of([], rejections=[rejection((7,))]))
    importer.load(batch_of(widgets([7])))
    importer.load(batch_of([], rejections=[rejection((7,))]))
    (reject,) = importer.rows_of("import_rejects")
    assert (reject["resolved_at"], reject["attempts"]) == (None, 4)


def test_a_batch_that_grew_resolves_what_the_shorter_one_rejected(importer: Importer) -> None:
    importer.load(batch_of([], last=500, rejections=[rejection((7,)), rejection(None, name="nameless")]))
    importer.load(batch_of(widgets([7]), last=900))
    assert all(reject["resolved_at"] for reject in importer.rows_of("import_rejects"))


def test_a_payload_that_json_or_utf8_lacks_is_kept_all_the_same(importer: Importer) -> None:
    awkward = Rejection(
        reason=RejectReason.INVALID_TEXT,
        detail="half a pair \ud83d",
        field="c\ud83d" * 200,
        payload={"name": "\ud83d", "order": 2**70, "amount": Decimal("1.50"), "startdate": dt.date(2026, 1, 2)},
        key=(7,),
        error_code=2**40,
    )
    importer.load(batch_of([], rejections=[awkward]))
    (reject,) = importer.rows_of("import_rejects")
    assert json.loads(reject["payload"]) == {
        "name": "\ud83d",
        "order": 2**70,
        "amount": "1.50",
        "startdate": "2026-01-02",
    }
    assert reject["detail"] == "half a pair \\ud83d"


def test_a_payload_too_large_for_a_statement_keeps_the_start_of_its_values() -> None:
    payload = json.loads(payload_json({"id": 7, "comments": "x" * 2_000_000}))
    assert payload["id"] == 7
    assert payload["comments"] == f"{'x' * 1000}… (2000000 characters)"


@pytest.mark.parametrize("text", ["x", "\U0001f600", '"', "\\"])
def test_a_payload_fits_a_small_packet_however_many_columns_are_long(text: str) -> None:
    payload = payload_json({f"column_{number}": text * 1000 for number in range(1000)})
    assert len(payload.encode()) <= 256 * 1024
    assert len(json.loads(payload)) == 1000


def test_rejected_rows_are_counted_by_import_and_type_until_they_are_loaded(importer: Importer) -> None:
    importer.load(batch_of([], rejections=[rejection((7,)), rejection((8,)), rejection(None, name="nameless")]))
    importer.load(batch_of(widgets([7]), rejections=[rejection((8,)), rejection(None, name="nameless")]))
    importer.loader.load(
        batch_of([], first=2001, last=3000, rejections=[rejection((2002,))]), job_id="other", run_id=None
    )
    assert rejected_rows(importer.engine, "job") == {"widget": 2}
    assert rejected_rows(importer.engine, "other") == {"widget": 1}
    assert rejected_rows(importer.engine, "none") == {}


def test_a_reject_stays_with_its_import_when_a_run_without_one_rejects_it_again(importer: Importer) -> None:
    importer.load(batch_of([], rejections=[rejection((7,)), rejection((8,))]))
    for run in ("replay-1", "replay-2"):
        importer.loader.load(batch_of([], first=7, last=7, rejections=[rejection((7,))]), job_id=None, run_id=run)
    rejects = importer.rows_of("import_rejects")
    assert [(reject["job_id"], reject["run_id"]) for reject in rejects] == [("job", "replay-2"), ("job", "run")]
    assert rejected_rows(importer.engine, "job") == {"widget": 2}
    importer.loader.load(batch_of([], rejections=[rejection((7,)), rejection((8,))]), job_id="later", run_id="run")
    assert rejected_rows(importer.engine, "later") == {"widget": 2}
