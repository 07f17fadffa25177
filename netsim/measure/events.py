"""The rows of a trace as everything here reads them: node by node, by kind, and with the lives of each node."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from netsim.trace import COLUMNS, Header, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIME, NODE, KIND, BLOCK, HEIGHT, ROUND, PEER, MESSAGE, BYTES, CAUSE, DETAIL = range(len(COLUMNS))

NEVER = np.iinfo(np.int64).max  # the time of what did not happen: later than everything that did


class Events:
    """The events table, ordered by node and within a node as it wrote them. How the nodes interleave cannot matter."""

    def __init__(self, trace: Trace) -> None:
        self.header: Header = trace.header
        self.rows: NDArray[np.int64] = trace.events
        if (np.diff(self.rows[:, NODE]) < 0).any():  # else a copy of the largest table is spared
            self.rows = self.rows[np.argsort(self.rows[:, NODE], kind="stable")]

        nodes = len(self.header.nodes)
        self.correct: NDArray[np.bool_] = np.ones(nodes, np.bool_)  # per node: not Byzantine
        self.correct[self.header.byzantine] = False
        self.correct_validator: NDArray[np.bool_] = np.zeros(nodes, np.bool_)
        self.correct_validator[self.header.validators] = True
        self.correct_validator &= self.correct

    def is_kind(self, name: str) -> NDArray[np.bool_]:
        """For every row, whether it is of that kind; a kind that the header does not know has no rows."""
        kinds = self.header.kinds
        matches: NDArray[np.bool_] = self._kinds == (kinds.index(name) if name in kinds else -1)
        return matches

    @cached_property
    def _kinds(self) -> NDArray[np.int16]:
        """The kinds by themselves, in a row: to look for one through the whole table is forty times as slow."""
        return self.rows[:, KIND].astype(np.int16)

    @cached_property
    def bounds(self) -> NDArray[np.intp]:
        """Where the rows of each node begin, and where those of the last one end."""
        return np.searchsorted(np.ascontiguousarray(self.rows[:, NODE]), np.arange(len(self.header.nodes) + 1))

    def of(self, name: str) -> NDArray[np.int64]:
        """The rows of one kind, whole."""
        return self.rows[self.is_kind(name)]

    def of_correct(self, name: str) -> NDArray[np.int64]:
        """The rows of one kind at nodes that are not Byzantine."""
        rows = self.of(name)
        return rows[self.correct[rows[:, NODE]]]

    @cached_property
    def life_starts(self) -> NDArray[np.int64]:
        """For every row, the index of the first row of the life (one incarnation of one node) that it belongs to."""
        begins = self.is_kind("start")
        nodes = self.rows[:, NODE]
        begins[:1] = True
        begins[1:] |= nodes[1:] != nodes[:-1]
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))

    @cached_property
    def down_for_good(self) -> NDArray[np.bool_]:
        """Per node, whether it crashed and did not come back before the end."""
        down = np.zeros(len(self.header.nodes), np.bool_)
        crashed = self.is_kind("crash")
        moments = np.flatnonzero(crashed | self.is_kind("start"))
        down[self.rows[moments, NODE]] = crashed[moments]  # in order: a node's last moment is the one that stays
        return down
