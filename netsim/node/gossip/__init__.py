"""How a message reaches every node. A scenario chooses one strategy for each kind of message.

What all strategies have in common is in `strategy`; each has a file of its own.
"""
