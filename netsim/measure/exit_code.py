"""What a summary means to a shell."""

from __future__ import annotations

from netsim.measure.summary import Summary

FINE, DISAPPOINTED, INVALID = 0, 1, 3


def outcome(summary: Summary) -> int:
    """The exit code of a run that came to its end.

    3 where the figures cannot be trusted; else 1 where an expectation failed, or where safety was violated and the
    scenario did not expect just that; else 0. What is unknown does not fail a run.
    """
    if summary["fidelity"]["verdict"] == "invalid":
        return INVALID
    failed = any(judged["passed"] is False for judged in summary["expect"])
    foreseen = any(judged["key"] == "safety.agreement" and judged["passed"] for judged in summary["expect"])
    violated = summary["safety"]["agreement"] == "violated"
    return DISAPPOINTED if failed or (violated and not foreseen) else FINE
