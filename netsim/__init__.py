"""netsim: put these nodes, on these links, under these faults: when is a block final, and can you trust the number?"""

__version__ = "0.1.0"
