"""Censor: a proposer leaves the transactions of some clients out of its blocks.

It votes for blocks of others that hold them; so a censor delays its victims until somebody else proposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from netsim.node.block import Batch
from netsim.node.mempool import Mempool
from netsim.node.misbehaviour.layer import Layer
from netsim.node.participant import Settings


class Censor(Layer):
    """Its parameter: `of`, the nodes whose clients it does not serve (None: all)."""

    def begin(self) -> None:
        origins = self.parameters["of"]
        self._origins = frozenset(range(self.nodes) if origins is None else origins)

    def settings(self, settings: Settings) -> Settings:
        return replace(settings, mempool=partial(Censoring, self._censors))

    def _censors(self, batch: Batch) -> bool:
        return self.active and batch.origin in self._origins


class Censoring(Mempool):
    """A pool that hides some of what waits from its own proposer."""

    def __init__(self, censored: Callable[[Batch], bool], nodes: int, largest: int, most: int | None = None) -> None:
        super().__init__(nodes, largest, most)
        self._censored = censored

    @property
    def pending(self) -> bool:
        with self._hidden():
            return super().pending

    def take(self, limit: int) -> tuple[Batch, ...]:
        with self._hidden():
            return super().take(limit)

    def fills(self, limit: int) -> bool:
        with self._hidden():
            return super().fills(limit)

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        waiting = self._waiting
        self._waiting = {name: batch for name, batch in waiting.items() if not self._censored(batch)}
        try:
            yield
        finally:
            self._waiting = waiting
