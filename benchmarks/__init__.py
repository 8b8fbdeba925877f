"""Measurements, each a module that is run by hand: `python -m benchmarks.import_customers`."""
