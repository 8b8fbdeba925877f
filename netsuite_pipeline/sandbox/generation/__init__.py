"""Seeded, coherent, partly dirty company data. The same seed and size always give the same bytes.

One module per domain; each returns `Rows` of one table and knows the others only by the ids in `World`.
"""
