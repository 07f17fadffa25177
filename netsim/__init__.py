"""netsim: put these nodes, on these links, under these faults: when is a block final, and can you trust the number?

In a notebook or a script: `netsim.run("scenario.yaml")`, `netsim.load("runs/latest")`, `netsim.vary(…)`; see
`netsim.notebook`, which is imported by the first of them that is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.notebook import Run, RunFailed, Sweep, columns, load, load_sweep, run, vary

__version__ = "0.1.0"
__all__ = ["Run", "RunFailed", "Sweep", "__version__", "columns", "load", "load_sweep", "run", "vary"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from netsim import notebook

    return getattr(notebook, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
