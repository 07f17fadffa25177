"""What a scenario may expect: the keys of summary.json that hold a single value.

The list is that of schema 1. It is written out here, because a scenario is validated without anything having been run
or measured.
"""

from __future__ import annotations

from collections.abc import Iterable

from netsim.scenario import units
from netsim.scenario.problem import suggestion

_DIST = ("count", "mean", "min", "p50", "p90", "p95", "p99", "max")

_NUMBERS = {
    "": ("schema", "nodes", "validators", "duration_s", "wall_s"),
    "scenario.": ("seed",),
    "blocks.": ("proposed", "finalised", "empty", "open", "stale", "stale_rate", "byzantine_share"),
    "finality.": ("reversal_probability", "attacker_share", "reverted"),
    "transactions.": ("submitted", "finalised", "throughput_tps"),
    "messages.": (
        *("sent", "delivered", "dropped", "bytes", "per_block"),
        *("duplicates", "duplicate_bytes", "control_bytes"),
    ),
    "rounds.": ("mean", "max", "timeouts"),
    "safety.": ("evidence_count",),
    "liveness.": ("stalled_ms", "recovery_ms"),
    "fidelity.": (
        *("displaced", "displaced_share", "displaced_finalisations_share"),
        *("broker_lost", "dilation", "lookahead_ms", "rounds"),
    ),
}
_DISTS = {
    "blocks.": ("interval_ms",),
    "finality.": ("first_ms", "quorum_ms", "all_ms"),
    "propagation_ms.": ("p50", "p90", "p99", "all"),
    "transactions.": ("latency_ms",),
    "fidelity.": ("displacement_ms", "lateness_ms", "timer_lateness_ms"),
}
_TEXTS = ("version", "scenario.name", "scenario.sha256", "finality.rule", "trace_digest")
_WORDS: dict[str, tuple[str, ...]] = {
    "engine": ("emulate", "simulate"),
    "safety.agreement": ("holds", "violated"),
    "fidelity.verdict": ("exact", "valid", "degraded", "invalid"),
    "fidelity.twin": ("equal", "differs", "skipped"),
    "fidelity.pace": ("lockstep", "clock", "virtual"),
    "fidelity.compute": ("modelled", "measured"),
}


def keys(sites: Iterable[str]) -> dict[str, tuple[str, ...] | None]:
    """Every key that may be expected: its words, none for any text, and None for a number."""
    dists = [*_joined(_DISTS), *(f"finality.by_site.{site}" for site in sites)]
    numbers = [*_joined(_NUMBERS), *(f"{dist}.{member}" for dist in dists for member in _DIST)]
    return dict.fromkeys(numbers) | dict.fromkeys(_TEXTS, ()) | _WORDS


def _joined(members: dict[str, tuple[str, ...]]) -> list[str]:
    return [f"{prefix}{name}" for prefix, names in members.items() for name in names]


def check_key(key: str, known: dict[str, tuple[str, ...] | None]) -> None:
    """Raises ValueError for a key that no summary has."""
    if key in known:
        return
    inner = [other.removeprefix(f"{key}.") for other in known if other.startswith(f"{key}.")]
    if inner:
        raise ValueError(f"holds several values; name one, such as `{key}.{inner[0]}`")
    raise ValueError(f"is no key of summary.json{suggestion(key, known)}")


def check_equals(words: tuple[str, ...] | None, value: str) -> None:
    """Raises ValueError for a value that a key with these words never has."""
    if words is None:
        units.number(value)
    elif words and value not in words:
        raise ValueError(f"is {', '.join(words[:-1])} or {words[-1]}, never `{value}`{suggestion(value, words)}")
