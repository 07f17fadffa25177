"""Forge: a node speaks in the names of others too.

With each signed message of its own goes the same in the name of another validator, drawn anew each time, with a
signature that is made up. Nobody who verifies takes it for genuine; it costs everybody the verification, which is the
point of such an attack (Clement et al., Making Byzantine Fault Tolerant Systems Tolerate Byzantine Faults, NSDI 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from netsim.node.identity import SIGNATURE_SIZE
from netsim.node.message import Message, Signed
from netsim.node.misbehaviour.layer import Layer


class Forge(Layer):
    """Has no parameters."""

    def begin(self) -> None:
        self._others = [node for node in self.validators if node != self.me]
        self._own_rng = Random(self.rng.getrandbits(64))  # so that the protocol's draws do not depend on the forgeries

    def send(self, to: int | Sequence[int], message: Message) -> None:
        self.world.send(to, message)
        if not self.active or not self._others:
            return
        content = self.own(message)
        if isinstance(content, Signed):
            signer = self._others[self._own_rng.randrange(len(self._others))]
            self.world.send(to, msgspec.structs.replace(content, signer=signer, signature=self._made_up()))

    def _made_up(self) -> bytes:
        return self._own_rng.randbytes(SIGNATURE_SIZE)
