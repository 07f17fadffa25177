"""Push: rumour mongering. Whoever knows a message sends it to a few neighbours drawn at random.

Infect and die (`mode: die`): on first receipt a node sends the message once, to `fanout` distinct neighbours other than
the one that it came from, and never again. Not everybody is reached: over a complete graph of many nodes the share π
that is obeys π = 1 − e^(−fπ). Each of the πn nodes that know the message draws f targets uniformly, so that another
is missed by all of them with (1 − f/(n−1))^(πn) → e^(−fπ); that nobody draws the one who told it, who is in no need,
changes f/(n−1) into f/(n−2) and the limit not at all.

Infect for ever (`mode: forever`): a node sends the message to `fanout` distinct neighbours, any but itself, when it has
heard it and every `interval` after that, `rounds` times in all. With an interval that equals the delay of every link
these are synchronous rounds in which a node takes part from the one after it was told, and with fanout 1 over the
complete graph the mean number of rounds until all n know is 7.414, 11.158, 14.670, 18.097 for n = 16, 64, 256, 1024
(about log2 n + ln n: Pittel, On spreading a rumor, SIAM Journal on Applied Mathematics 47, 1987).

Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987; Eugster et al., Epidemic Information
Dissemination in Distributed Systems, IEEE Computer 37(5), 2004, which has the share that infect-and-die reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log
from typing import Any

from netsim.node.gossip.memory import Memory
from netsim.node.gossip.strategy import Host, Strategy
from netsim.node.gossip.waiting import Waiting
from netsim.node.message import Message

_NOBODY = -1
_SURELY = 14  # ln 10^6


def rounds_needed(nodes: int, fanout: int) -> int:
    """Rounds after which a node that pushes for ever is of no more use: all others know, but for one case in 10⁶.

    While few know, each round multiplies them by fanout + 1; when nearly all know, each leaves e^(−fanout) of the rest.
    """
    return ceil(log(nodes, fanout + 1)) + ceil((log(nodes) + _SURELY) / fanout)


class Push(Strategy):
    """Sends what it knows to neighbours drawn from the node's own random stream."""

    def __init__(self, host: Host, parameters: Mapping[str, Any]) -> None:
        """`fanout`; `mode`: die or forever; for the latter `interval` (ns) and `rounds`, None: as many as it needs."""
        super().__init__(host, parameters)
        self._fanout: int = parameters["fanout"]
        self._forever = parameters["mode"] == "forever"
        self._rounds: int = parameters["rounds"] or rounds_needed(host.nodes, self._fanout)
        self._rumours: Waiting[tuple[Message, int]] = Waiting(host, "push", parameters["interval"])
        self._known = Memory()
        self.on_peers()

    def on_peers(self) -> None:
        self._peers = tuple(self.host.peers)

    def broadcast(self, message: Message) -> None:
        self._known.add(message)
        self._spread(message, _NOBODY)

    def seen(self, message: Message) -> bool:
        return message.digest in self._known

    def relay(self, sender: int, message: Message) -> None:
        self._known.add(message)
        self._spread(message, sender)

    def on_timer(self, name: str) -> None:
        for message, rounds in self._rumours.due():
            self._push_again(message, rounds)

    def _spread(self, message: Message, sender: int) -> None:
        if self._forever:
            self._push_again(message, self._rounds)
        else:
            self._push(message, sender)

    def _push_again(self, message: Message, rounds: int) -> None:
        """Push now, and for the rest of the rounds later."""
        self._push(message, _NOBODY)
        if rounds > 1:
            self._rumours.add((message, rounds - 1))

    def _push(self, message: Message, but: int) -> None:
        peers = self._peers if but == _NOBODY else tuple(peer for peer in self._peers if peer != but)
        if len(peers) > self._fanout:
            self.host.send(self.host.rng.sample(peers, self._fanout), message)
        elif peers:
            self.host.send(peers, message)
