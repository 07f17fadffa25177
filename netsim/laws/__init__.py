"""What blocks take and cost in theory and in the simulator, protocol by protocol: the table that `tools/laws` prints.

`law` holds what each protocol's papers say, as functions of the number of validators; `measured` the scenarios that
find the same in netsim; `bench` runs them and compares; `table` prints. `netsim.testing.check_laws` does it for a
protocol of one's own.
"""
