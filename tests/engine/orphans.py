"""A run in miniature, to be killed: a broker and some processes, each busy in its own way. Run by test_lifeline."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from netsim.engine.broker import open_broker
from netsim.engine.lifeline import hold

WAYS = ("waiting", "computing", "stopped", "deaf")


def child(way: str, lifeline: Connection, ready: Connection) -> None:
    """One process."""
    hold(lifeline)
    if way == "deaf":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    ready.send(os.getpid())
    if way == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    while way == "computing":
        pass
    time.sleep(3600)


async def main(folder: str) -> None:
    """Start everything, say so, and do as told: let go of the lifelines, or nothing until killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["orphans"])
    theirs, ours = context.Pipe(duplex=False)
    hear, say = context.Pipe(duplex=False)
    async with open_broker("embedded", Path(folder)):
        processes = [context.Process(target=child, args=(way, theirs, say), daemon=True) for way in WAYS]
        for process in processes:
            process.start()
        theirs.close()
        for _ in processes:
            hear.recv()
        print("ready", flush=True)
        if sys.stdin.readline():
            ours.close()
            for process, way in zip(processes, WAYS, strict=True):
                if way == "stopped":  # it cannot know, and is killed with us; here by hand
                    process.kill()
                process.join()
            print({process.exitcode for process in processes}, flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
