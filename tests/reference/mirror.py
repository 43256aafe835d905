"""Write the simulated panels of mirror.R: 30 units over 14 periods, and 400 persons with late entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def panel() -> None:
    """Two variables that follow each other within units."""
    rng = np.random.default_rng(8)
    level = rng.standard_normal((30, 2)) @ np.array([[0.5, 0.4], [0.0, 0.4]])
    e, x, rows = np.zeros(30), np.zeros(30), []
    for t in range(-20, 14):
        e = 0.4 * e + 0.1 * x + rng.normal(0, 0.3, 30)
        x = 0.5 * x + 0.2 * e + rng.normal(0, 0.25, 30)
        if t >= 0:
            rows += [(i + 1, t + 1, e[i] + level[i, 0], x[i] + level[i, 1]) for i in range(30)]
    np.savetxt(
        HERE / "mirror.csv",
        rows,
        fmt=["%d", "%d", "%.4f", "%.4f"],
        delimiter=",",
        header="unit,period,e,x",
        comments="",
    )


def staff() -> None:
    """Stays in days, some begun before anybody looked, and months with a reading before each."""
    rng = np.random.default_rng(9)
    hired = rng.integers(-600, 700, 400)
    stay = np.ceil(rng.exponential(900, 400)).astype(int)
    seen = np.maximum(-hired, 0)
    keep = stay > seen
    end = np.minimum(stay, 730 - hired)
    event = (stay <= 730 - hired).astype(int)
    rows = np.column_stack([seen, end, event])[keep & (end > seen)]
    np.savetxt(
        HERE / "leaving_stays.csv", rows, fmt="%d", delimiter=",", header="entry,end,event", comments=""
    )
    score = rng.choice([-1.5, -0.5, 0.5, 1.5], 4000)
    month = rng.integers(0, 4, 4000)
    left = (rng.random(4000) < -np.expm1(-0.05 * 0.8**score * (1 + 0.2 * month))).astype(int)
    cells = [
        (m, s, int(((month == m) & (score == s)).sum()), int(left[(month == m) & (score == s)].sum()))
        for m in range(4)
        for s in (-1.5, -0.5, 0.5, 1.5)
    ]
    np.savetxt(
        HERE / "leaving_cells.csv",
        cells,
        fmt=["%d", "%.1f", "%d", "%d"],
        delimiter=",",
        header="month,score,n,left",
        comments="",
    )


if __name__ == "__main__":
    panel()
    staff()
