"""The one door to the wave tables.

The parts: `job_store` (jobs and plans), `heartbeat_store` (who is alive), `circuit_store` (whether NetSuite answers),
`state_store` (what the dispatcher decides on), `dispatch_store` (what it does), `sizing_store` (how much at once),
`batch_store` (what a run reports), `progress` and `statistics_store` (what people read), `report_store` (what Dagster
has still to be told), `control_store` and `set_back_store` with `wave_rows` (what a person does to a job). No other
module has SQL on these tables.
"""

from netsuite_pipeline.waves.set_back_store import SetBackStore


class WaveStore(SetBackStore):
    """All of it, over one engine. Safe to share between threads; every method is one short transaction.

    The only exception is `complete_batch`, which belongs to the transaction that commits the batch's rows.
    """
