"""A run for tools that people already use: Perfetto's trace viewer, and tables for notebooks, R and spreadsheets.

`perfetto` writes what each node did when as trace events; `frames` makes the tables of a run, with names instead of
numbers, and `tables` writes them as CSV or Parquet. Nothing here runs or measures anything anew: what is said of blocks
and transactions comes from `netsim.measure`.
"""
