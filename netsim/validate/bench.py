"""All experiments, and how they are run: each seed of each by itself, in as many processes as are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from netsim.validate import agreement, bitcoin, forks, gossip, links, radio
from netsim.validate.figure import Effort, Experiment, Line, Sample, failed, judge
from netsim.validate.laboratory import emulated, simulated

EXPERIMENTS: tuple[Experiment, ...] = (
    *radio.EXPERIMENTS,
    *links.EXPERIMENTS,
    *gossip.EXPERIMENTS,
    *agreement.EXPERIMENTS,
    *forks.EXPERIMENTS,
    *bitcoin.EXPERIMENTS,
)

Samples = list[Sample] | str  # one for each figure, or what went wrong
Task = tuple[str, int, bool, bool]  # an experiment's name, the seed, whether quick, whether in the emulator


def validate(experiments: Sequence[Experiment], quick: bool, seeds: int, jobs: int) -> list[Line]:
    """A line for each figure, in order. With one job everything is done in this process."""
    tasks: list[Task] = []
    for one in sorted(experiments, key=lambda one: not one.long):  # so that no process is left with a long one at last
        single = one.once or (quick and all(figure.exact for figure in one.figures))
        tasks += [(one.name, seed, quick, False) for seed in range(1, 2 if single else seeds + 1)]
        if one.emulated:
            tasks.append((one.name, 1, quick, True))
    if jobs == 1:
        results = [measure(task) for task in tasks]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            results = list(pool.map(measure, tasks))
    found = dict(zip(tasks, results, strict=True))
    return [line for one in experiments for line in _lines(one, found)]


def measure(task: Task) -> Samples:
    """A sample for each figure of an experiment. What goes wrong is an answer too, lest it cost the other lines."""
    name, seed, quick, emulate = task
    (experiment,) = (one for one in EXPERIMENTS if one.name == name)
    try:
        return list(experiment.measure(seed, Effort(quick), emulated if emulate else simulated))
    except Exception as error:
        return f"{type(error).__name__} with seed {seed}: {error}"


def _lines(experiment: Experiment, found: dict[Task, Samples]) -> list[Line]:
    runs, again = [], None
    for (name, _, _, emulate), samples in found.items():
        if name != experiment.name:
            continue
        if isinstance(samples, str):
            return [failed(experiment.group, figure, samples) for figure in experiment.figures]
        if emulate:
            again = samples
        else:
            runs.append(samples)
    return [
        judge(
            experiment.group,
            figure,
            [samples[number] for samples in runs],
            again[number].measured if again is not None else None,
        )
        for number, figure in enumerate(experiment.figures)
    ]
