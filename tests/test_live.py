"""The live page's server, asked as a browser and as others would ask it, around real runs."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from netsim import catalogue
from netsim.engine.plan import Plan
from netsim.engine.simulator import simulate
from netsim.engine.steering import Wish
from netsim.live.board import Board
from netsim.live.server import Server
from netsim.live.session import Live
from netsim.running import Result, run
from netsim.scenario import load, parse
from netsim.trace import read
from tests.commands import netsim
from tests.watched import TEXT, Client, User


def plan(*overrides: str) -> Plan:
    return Plan(parse(TEXT, "world.yaml", overrides=overrides, catalogue=catalogue))


@dataclass
class Served:
    """A server without a run."""

    client: Client
    board: Board
    wishes: list[Wish] = field(default_factory=list)


@pytest.fixture
def served() -> Iterator[Served]:
    board = Board(plan())
    wishes: list[Wish] = []
    server = Server(board, "<p>the page</p>", wishes.append)
    server.open()
    try:
        yield Served(Client(server.address), board, wishes)
    finally:
        server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "netsim live"]


# --- who may ask -----------------------------------------------------------------------------------------------------


def test_only_who_knows_the_token_is_answered(served: Served) -> None:
    address = served.client.address
    parts = urlsplit(address)
    assert parts.hostname == "127.0.0.1"
    assert len(parts.path.strip("/")) >= 32
    assert served.client.ask() == (200, b"<p>the page</p>")
    for path in ("", "events", "report", "wish"):
        for token in ("", "a/", parts.path[1:-2] + "/", parts.path[1:-1].swapcase() + "/"):
            status, content = Client(f"http://{parts.netloc}/{token}").ask(path)
            assert (status, content) == (403, b"this address is not known here")
    assert served.client.ask("other")[0] == 404
    assert served.client.ask("report")[0] == 404  # there is none yet
    assert served.client.ask("wish")[0] == 405


@pytest.mark.parametrize(
    "headers",
    [{"Host": "example.com"}, {"Host": "127.0.0.1"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://example.com"}],
)
def test_a_page_of_somebody_else_is_not_answered(served: Served, headers: dict[str, str]) -> None:
    assert served.client.ask(headers=headers)[0] == 403
    assert served.client.ask("wish", "POST", b'{"kind": "kill", "what": "shenzhen-0"}', headers)[0] == 403
    assert not served.wishes


def test_a_wish_is_read_with_care(served: Served) -> None:
    for body in (
        b"",
        b"[]",
        b"{",
        b'{"kind": "kill"}',
        b'{"kind": "kill", "what": 1}',
        b'{"kind": "burn", "what": "x"}',
    ):
        assert served.client.ask("wish", "POST", body)[0] == 400
    assert served.client.ask("wish", "POST", b" " * 5000)[0] == 413
    assert not served.wishes
    assert served.client.wish("cut", "suzhou") == (202, {"taken": "cut off suzhou"})
    assert len(served.wishes) == 1
    served.board.over({"report": False})
    assert served.client.wish("cut", "suzhou") == (409, {"refused": "the run is over"})


# --- what is told ----------------------------------------------------------------------------------------------------


def test_who_comes_late_is_told_all_and_then_what_changes(served: Served) -> None:
    served.board.saw(3_000, [(True, 0, 7, 1_000), (False, 0, 7, 2_000)], 0)
    events = served.client.events()
    first = next(events)
    assert first["phase"] == "running"
    assert [block["number"] for block in first["blocks"]] == [1]
    assert first["blocks"][0]["first_ms"] == 0.001
    assert first["blocks"][0]["quorum_ms"] is None
    assert not next(events)["blocks"]
    served.board.saw(9_000, [(False, node, 7, 5_000 + node) for node in (4, 2, 1, 3)], 0)
    told = next(told for told in events if told["blocks"])
    assert told["blocks"][0]["quorum_ms"] == 0.004003  # the fourth of five
    assert told["blocks"][0]["all_ms"] == 0.004004
    assert told["blocks_final"] == 1
    served.board.over({"report": False})
    assert next(told for told in events if told["phase"] == "over")["end"] == {"report": False}


def test_what_is_kept_for_viewers_is_bounded() -> None:
    board = Board(plan())
    for block in range(2000):
        board.saw(block, [(True, 0, block, block), (False, 1, block, block + 5)], 0)
    version, told = board.since(0)
    assert told["blocks_proposed"] == 2000
    assert len(told["blocks"]) == 400
    assert board.since(version)[1]["blocks"] == []


def test_a_viewer_that_takes_nothing_holds_up_nobody(served: Served) -> None:
    parts = urlsplit(served.client.address)
    with socket.create_connection((parts.hostname, parts.port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET {parts.path}events HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        other = served.client.events()
        next(other)
        for block in range(400):  # far more than its socket takes
            served.board.saw(block, [(True, 0, block, block)], 0)
        assert len(next(told for told in other if told["blocks"])["blocks"]) > 0
        served.board.over({"report": False})
        assert any(told["phase"] == "over" for told in other)


# --- around a run ----------------------------------------------------------------------------------------------------


def simulated_live(folder: Path, watcher: Callable[[Client], None], speed: float = 4.0) -> Result:
    """A simulation with a live page, and somebody who looks at it in another thread."""
    scenario = plan()
    failures: list[BaseException] = []
    with Live(scenario, "simulate", speed) as live:

        def look() -> None:
            try:
                watcher(Client(live.address))
            except BaseException as error:
                failures.append(error)

        looking = threading.Thread(target=look)
        looking.start()
        result = run(scenario, folder, "simulate", observe=lambda phase, *_: live.phase(phase), steering=live.steering)
        (folder / "report.html").write_text("the report")
        live.ended(result)
        looking.join(20)
    assert not looking.is_alive()
    for failure in failures:
        raise failure
    return result


def test_a_simulation_is_watched_and_cut_in_two(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    reports: list[bytes] = []

    def watcher(client: Client) -> None:
        events = client.events()
        seen.extend(next([told] for told in events if told["blocks_final"]))
        assert client.wish("cut", "suzhou")[0] == 202
        told = next(told for told in events if told["cut"])
        assert told["faults"][0]["heals"]
        assert client.wish("heal", 0)[0] == 202
        assert client.wish("kill", "nobody")[0] == 202
        told = next(told for told in events if len(told["answers"]) == 3)
        assert told["answers"][-1] == {"at_s": None, "says": "kill nobody: there is no node nobody"}
        seen.extend(next([told] for told in events if told["phase"] == "over"))
        reports.append(client.ask("report")[1])
        events.close()  # type: ignore[attr-defined]

    result = simulated_live(tmp_path, watcher)
    assert result.exit_code == 0
    assert seen[-1]["end"]["verdict"] == "exact"
    assert reports == [b"the report"]
    (fault,) = read(tmp_path).header.faults
    assert (fault.kind, fault.nodes) == ("partition", (3, 4))
    assert 0 < fault.start_ns < fault.end_ns < 12 * 10**9
    (written,) = load(tmp_path / "scenario.yaml", catalogue=catalogue).faults
    assert (written.at, written.end) == (fault.start_ns, fault.end_ns)


def test_a_page_that_is_closed_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()

    def watcher(client: Client) -> None:
        events = client.events()
        next(events)
        events.close()  # type: ignore[attr-defined]

    watched = simulated_live(tmp_path / "live", watcher, speed=100)
    (tmp_path / "alone").mkdir()
    alone = run(plan(), tmp_path / "alone", "simulate")
    assert watched.summary["trace_digest"] == alone.summary["trace_digest"]


def test_an_emulation_as_a_user_watches_it(tmp_path: Path) -> None:
    """Real processes; one viewer never reads. The cut is in the trace, the twin is equal, and nothing is left."""
    user = User.runs(tmp_path, "--live-speed", "4")
    parts = urlsplit(user.client.address)
    with socket.create_connection((parts.hostname, parts.port)) as deaf:
        deaf.sendall(f"GET {parts.path}events HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        events = user.client.events()
        next(told for told in events if told["phase"] == "running")
        assert user.client.wish("cut", "suzhou")[0] == 202
        next(told for told in events if told["cut"] == [3, 4])
        assert user.client.wish("kill", "shenzhen-0")[0] == 202
        next(told for told in events if told["down"] == [0])
        assert user.client.wish("heal", 0)[0] == 202
        assert user.client.wish("heal", 1)[0] == 202
        end = next(told for told in events if told["phase"] == "over")["end"]
        events.close()  # type: ignore[attr-defined]
        code, out, err = user.end()
    assert (code, err) == (0, ""), out
    assert (end["verdict"], end["twin"]) == ("exact", "equal")
    summary = json.loads(out)
    assert summary["fidelity"]["twin"] == "equal"
    partition, crash = read(tmp_path / "out").header.faults
    assert (partition.kind, partition.nodes) == ("partition", (3, 4))
    assert (crash.kind, crash.nodes) == ("crash", (0,))
    left = load(tmp_path / "out" / "scenario.yaml", catalogue=catalogue)
    (tmp_path / "again").mkdir()
    assert simulate(Plan(left), tmp_path / "again").digest() == summary["trace_digest"]


def test_ctrl_c_ends_a_watched_run_and_its_page(tmp_path: Path) -> None:
    user = User.runs(tmp_path, "--engine", "simulate")
    events = user.client.events()
    assert user.client.wish("cut", "suzhou")[0] == 202
    next(told for told in events if told["cut"])
    user.child.send_signal(signal.SIGINT)
    end = next(told for told in events if told["phase"] == "over")["end"]
    events.close()  # type: ignore[attr-defined]
    assert end["says"] == "interrupted"
    assert user.end()[0] == 130
    (fault,) = load(tmp_path / "out" / "scenario.yaml", catalogue=catalogue).faults
    assert fault.kind == "partition"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--live-speed", "0"), "--live-speed is 0; it must be positive"),
        (("--live", "--live-speed", "2", "--set", "emulation.pace=clock"), "`emulation.dilation` is the clock's"),
    ],
)
def test_a_pace_that_cannot_be(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(TEXT)
    done = netsim(tmp_path, "run", "world.yaml", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "runs").exists()
