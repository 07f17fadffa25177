"""The study that netsim was made for: what the border, the distance and the radio each do to finality.

`scenarios/border-study.yaml` is its sweep, `tools/study` does it. `results` reads the sweep's folder, `findings` says
in five sentences what it comes to, `picture` draws it.
"""

from netsim.study.headline import headline

__all__ = ["headline"]
