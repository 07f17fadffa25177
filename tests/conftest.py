"""What all tests share: which of them run, and how."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from netsim.engine.interrupt import interrupts_restored

# A shared machine may stall at any moment; how long an example takes says nothing about the code.
settings.register_profile("netsim", deadline=None)
settings.load_profile("netsim")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the long tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def hears_ctrl_c() -> Iterator[None]:
    """What a test starts inherits it where this process is deaf to Ctrl-C: because of a command that an earlier test
    ran within it, or of a shell that starts what is to run in the background so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with interrupts_restored():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield


@pytest.fixture
def mosquitto() -> str:
    """The broker of that name, where it is installed; it is no Python package."""
    if shutil.which("mosquitto", path=os.pathsep.join((os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"))) is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    return "mosquitto"
