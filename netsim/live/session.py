"""A live page around a run: opened before it, told how it ended, closed behind it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from netsim.engine.plan import Plan
from netsim.engine.steering import Steering
from netsim.live.board import Board
from netsim.live.page import page
from netsim.live.server import Server

if TYPE_CHECKING:
    from netsim.running import EngineName, Result


class Live:
    """`address` is where the page is; `steering` is for the run, `phase` and `ended` are told what becomes of it."""

    def __init__(self, plan: Plan, engine: EngineName = "emulate", speed: float = 1.0) -> None:
        """`speed`: seconds of the scenario in one of the wall, at most. Raises OSError without a free port."""
        self._board = Board(plan)
        self.steering = Steering(self._board, speed)
        self._server = Server(self._board, page(plan, engine, speed), self.steering.wish)
        self._emulated = False

    @property
    def address(self) -> str:
        return self._server.address

    def __enter__(self) -> Live:
        self._server.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._board.phase != "over":
            self._board.over({"says": "the run ended early", "report": False})
        self._server.close()

    def phase(self, phase: str) -> None:
        """What the run says it is at: a simulation behind an emulation is the emulation's twin."""
        if phase == "emulate":
            self._emulated = True
        elif self._emulated:
            self._board.check()

    def ended(self, result: Result) -> None:
        """The run's folder is complete."""
        report = result.folder / "report.html"
        self._server.report = report if report.is_file() else None
        summary = result.summary
        self._board.over(
            {
                "says": result.failure,
                "exit_code": result.exit_code,
                "verdict": summary["fidelity"]["verdict"],
                "twin": summary["fidelity"]["twin"],
                "finality_ms": {
                    when: summary["finality"][key]["p50"]  # type: ignore[literal-required]
                    for when, key in (("first", "first_ms"), ("quorum", "quorum_ms"), ("all", "all_ms"))
                },
                "expectations": [[item["key"], item["passed"]] for item in summary["expect"]],
                "folder": str(result.folder),
                "report": self._server.report is not None,
            }
        )
