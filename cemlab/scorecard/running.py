"""Running the scorecard: one simulated company for each world and seed, shared by all rows of the world."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from multiprocessing import get_context

import numpy as np

from cemlab.errors import DesignError, OptionError
from cemlab.scorecard.card import Scorecard, scorecard
from cemlab.scorecard.companies import company_of
from cemlab.scorecard.judging import Draws
from cemlab.scorecard.row import Estimate, Row
from cemlab.scorecard.rows import ROWS, check_rows
from cemlab.simulate.halden import CUSTOMERS, Halden
from cemlab.simulate.oracle import Oracle

_NO_ESTIMATE = Estimate(math.nan)
_Answer = tuple[float, float, float, float]  # estimate, its interval, truth
_Answers = tuple[_Answer, ...]  # of each row


def score(
    rows: Sequence[Row] = ROWS,
    *,
    seeds: Iterable[int] = range(1, 101),
    customers: int = CUSTOMERS,
    jobs: int = 1,
    advance: Callable[[int], None] | None = None,
) -> Scorecard:
    """Answer whether the methods find what was planted.

    Parameters
    ----------
    rows
        What is looked for, and how.
    seeds
        Of the simulated companies; each gives one estimate a row.
    customers
        Customers of each company.
    jobs
        Companies at a time, each in a process of its own. The figures do not depend on it.
    advance
        Called with 1 for each company that is done.

    Returns
    -------
    Scorecard
        One row a planted truth: truth, mean estimate, bias, coverage, power, regret, verdict.

    Raises
    ------
    OptionError
        If there are no rows or no seeds, a seed or a row's name stands twice, or a number is not allowed.
    """
    check_rows(rows)
    numbers = _checked(seeds, jobs)
    tasks = [
        (Halden(customers=customers, seed=seed, world_name=world), tuple(r for r in rows if r.world == world))
        for world in dict.fromkeys(row.world for row in rows)
        for seed in numbers
    ]
    found: dict[str, dict[int, _Answer]] = {row.name: {} for row in rows}
    with closing(_answers(tasks, jobs)) as answers:
        for at, answer in answers:
            halden, asked = tasks[at]
            for row, values in zip(asked, answer, strict=True):
                found[row.name][halden.seed] = values
            if advance is not None:
                advance(1)
    return scorecard(
        rows, [_draws(found[row.name], numbers) for row in rows], seeds=numbers, customers=customers
    )


def companies(rows: Iterable[Row], seeds: Sequence[int]) -> int:
    """Return how many companies a run simulates."""
    return len({row.world for row in rows}) * len(seeds)


def _checked(seeds: Iterable[int], jobs: int) -> list[int]:
    numbers = list(seeds)
    if not numbers:
        raise OptionError("0 seeds show nothing; give at least one, and 50 or more to judge by")
    if len(set(numbers)) < len(numbers):
        raise OptionError("a seed stands twice; a company is counted once")
    if jobs < 1:
        raise OptionError(f"jobs is {jobs}; at least one company is simulated at a time")
    return numbers


def _answers(
    tasks: Sequence[tuple[Halden, tuple[Row, ...]]], jobs: int
) -> Generator[tuple[int, _Answers], None, None]:
    """Yield the number and the answers of each task, as they are done."""
    if jobs == 1:
        for at, task in enumerate(tasks):
            yield at, _ask(*task)
        return
    # started afresh and not forked: a fork of a process with threads can hang
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
        try:
            running = {pool.submit(_ask, *task): at for at, task in enumerate(tasks)}
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ask(halden: Halden, rows: tuple[Row, ...]) -> _Answers:
    """Return estimate, interval and truth of each row on one company."""
    company, oracle = company_of(halden), Oracle(halden)
    answers: list[_Answer] = []
    for row in rows:
        try:
            said = row.estimate(company)
        except DesignError:
            said = _NO_ESTIMATE  # counted as refused
        answers.append((float(said.value), float(said.low), float(said.high), float(row.truth(oracle))))
    return tuple(answers)


def _draws(of_seed: Mapping[int, _Answer], seeds: Sequence[int]) -> Draws:
    values = np.array([of_seed[seed] for seed in seeds], dtype=float)
    return Draws(value=values[:, 0], low=values[:, 1], high=values[:, 2], truth=values[:, 3])
