"""COORDINATION: which batches there are, in which waves they go out, and what has become of each.

Deciding (`planner`, `coordinator`, `failure_policy`) is pure; remembering (`store`) is SQL on the wave
tables. Nothing here knows Dagster, NetSuite or the imported tables.
"""
