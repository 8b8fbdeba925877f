"""Brings the tables of a warehouse to what is declared, and back.

People declare columns and tables of their own, so no revision scripts can be shipped: Alembic compares the database
with the declared metadata (`differences`), each difference is one step (`ddl`), and every step that was made is
recorded in the database (`change_log`), so that `upgrade` can be repeated and `downgrade` can undo it.
"""
