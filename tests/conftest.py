"""What all tests share: which of them run, and how."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

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


@pytest.fixture
def mosquitto() -> str:
    """The broker of that name, where it is installed; it is no Python package."""
    if shutil.which("mosquitto", path=os.pathsep.join((os.environ["PATH"], "/usr/local/sbin", "/usr/sbin"))) is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    return "mosquitto"
