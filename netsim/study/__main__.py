"""The command: `tools/study`, or `python -m netsim.study`."""
