"""The last thing that the process imports which an emulation's processes are forked off from: it makes what they
inherit."""

from netsim.engine import inherited

inherited.prepare()
