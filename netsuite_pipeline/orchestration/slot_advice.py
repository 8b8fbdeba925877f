"""Whether NETSUITE_CONCURRENCY is more than the account has, asked once when an import is planned.

Only said and not acted upon: the slots are known to administrators alone, and a run that has too many requests in
flight halves them after its first 429 (`netsuite.pace`), whoever asked. What is set is compared in full by `doctor`.
"""

from netsuite_pipeline.netsuite.errors import NetSuiteError
from netsuite_pipeline.netsuite.system import SystemEndpoints
from netsuite_pipeline.settings import Settings

# Every account has as many (Oracle help bridgehead_1500275603).
_FEWEST_SLOTS = 5
# Nobody waits for it longer than for a page.
_SECONDS = 15.0


def slot_advice(settings: Settings) -> str | None:
    """What a person should know before the import runs; None if all is well, or if NetSuite does not say.

    One request, and none where what is set is no more than the smallest account has.
    """
    concurrency = settings.netsuite_concurrency
    if concurrency <= _FEWEST_SLOTS:
        return None
    try:
        with SystemEndpoints(settings, timeout=min(_SECONDS, settings.netsuite_timeout)) as endpoints:
            slots = endpoints.slots()
    except NetSuiteError:
        # Most roles may not ask. It is no refusal of the login either, which planning has shown to be accepted.
        return None
    if concurrency <= slots.usable:
        return None
    return (
        f"NETSUITE_CONCURRENCY={concurrency} is more than the {slots.usable} requests that NetSuite takes at once from"
        f" this integration: the others are refused with 429 and tried again. Set NETSUITE_CONCURRENCY={slots.advised}."
    )
