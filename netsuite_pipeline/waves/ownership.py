"""Which Dagster instance an import belongs to: the one that keeps its batches as partitions, and launches its runs.

Two instances may use one warehouse by mistake, as where someone starts `dagster dev` with the settings of production.
"""

from netsuite_pipeline.waves.model import Job


def is_kept_elsewhere(job: Job, registry: str | None) -> bool:
    """Whether another registry than that one keeps the batches of the job. Jobs of older versions do not tell."""
    return None not in {job.registry, registry} and job.registry != registry


def kept_elsewhere(job: Job) -> str:
    """Why nothing is done to the job here, for people."""
    return (
        f"Import {job.job_id} belongs to another Dagster instance: it was planned with another DAGSTER_HOME, or before"
        " the storage in it was made anew. That instance's daemon carries it out. If it is gone:"
        f" `netsuite-pipeline waves cancel {job.job_id}`, and start a new import; it writes nothing that is there."
    )
