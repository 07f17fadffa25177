"""How fast netsim is: every figure beside a reference that is timed in the same run (`tools/bench`)."""
