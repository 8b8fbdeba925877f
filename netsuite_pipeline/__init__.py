"""NetSuite to MySQL: complete, restartable imports in waves of batches, as a Dagster code location.

What is imported is declared in `record_types`; `netsuite` reads it, `transform` types it, `warehouse`
writes it, `waves` coordinates it, and `orchestration` is the thin Dagster layer over all of them.
"""
