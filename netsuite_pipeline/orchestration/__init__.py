"""DAGSTER: partitions, assets, jobs, sensors and schedules. Thin and declarative.

Every decision is taken in `waves`, every row is read in `netsuite` and written in `warehouse`; this package
only connects them to Dagster's events, tags and daemon.
"""
