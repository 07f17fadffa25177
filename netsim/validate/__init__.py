"""What the numbers must agree with: laws, figures derived by other means, published results, each beside netsim's own.

`tools/validate` prints the table. An `Experiment` is one way to measure something, for one seed; a `Figure` is one line
of the table, with the predicted or published value and where it is from. They are grouped by module: `radio`, `links`,
`gossip`, `agreement` and `bitcoin`. `simblock` is an independent program to compare with.
"""
