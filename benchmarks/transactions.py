"""Seeded transactions of a made-up shop, written to Parquet in bounded memory.

    python benchmarks/transactions.py --rows 20000000 --customers 1000000

One row is a purchase line. Customers join over four calendar years, buy at their own rate
(gamma-distributed, as in the NBD model), stay for an exponentially distributed time, and are
numbered in an order that says nothing about when they joined. Lines stand in date order, as an
export of a till does. Revenue and margin are DECIMAL(18,4).
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FIRST_DAY = date(2021, 1, 1)
DAYS = 1461  # to 31 December 2024
OLD_SHARE = 0.3  # customers who had joined before the data begin
MEAN_LIFETIME_DAYS = 900.0
RATE_SHAPE = 1.2


def transactions_file(*, rows: int, customers: int, seed: int = 20) -> Path:
    """Return the Parquet file, made first where the system's temporary folder does not hold it yet."""
    folder = Path(tempfile.gettempdir()) / "cemlab-benchmarks"
    path = folder / f"transactions-v1-{rows}-{customers}-{seed}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        write_transactions(unfinished, rows=rows, customers=customers, seed=seed)
        unfinished.replace(path)
    return path


def write_transactions(path: Path, *, rows: int, customers: int, seed: int) -> None:
    """Write the lines month by month; memory holds the customers and one month."""
    if rows < customers:
        raise SystemExit(f"--rows {rows} is fewer than --customers {customers}; each buys at least once")
    rng = np.random.default_rng(seed)
    joined = np.sort(_joining_days(rng, customers))
    gone = joined + rng.exponential(MEAN_LIFETIME_DAYS, customers)
    cumulated_rate = np.cumsum(rng.gamma(RATE_SHAPE, 1.0, customers))
    number = rng.permutation(customers).astype(np.int64) + 1
    typical_basket = rng.gamma(3.0, 12.0, customers) + 2.0
    joining_lines = np.bincount(joined, minlength=DAYS)
    lines = joining_lines + _spread(rng, rows - customers, joined)
    with pq.ParquetWriter(path, _schema(), compression="zstd", store_decimal_as_integer=True) as writer:
        for days in np.array_split(np.arange(DAYS), 48):
            buyers, dates = [], []
            for day in days:
                buyers.append(_buyers_of_day(rng, int(day), int(lines[day]), joined, gone, cumulated_rate))
                dates.append(np.full(lines[day], day))
            who = np.concatenate(buyers)
            writer.write_table(_month(rng, number[who], np.concatenate(dates), typical_basket[who]))


def _schema() -> pa.Schema:
    money = pa.decimal128(18, 4)
    return pa.schema([("customer", pa.int64()), ("date", pa.date32()), ("revenue", money), ("margin", money)])


def _joining_days(rng: np.random.Generator, customers: int) -> np.ndarray:
    old = rng.random(customers) < OLD_SHARE
    return np.where(old, rng.integers(0, 60, customers), rng.integers(0, DAYS, customers))


def _spread(rng: np.random.Generator, rows: int, joined: np.ndarray) -> np.ndarray:
    """Divide the further lines among the days: by customers already won, week day and season."""
    day = np.arange(DAYS)
    season = 1 + 0.25 * np.cos(2 * np.pi * (day - 350) / 365.25)
    week = np.array([0.8, 0.8, 0.9, 1.0, 1.3, 1.5, 0.7])[day % 7]
    won = np.searchsorted(joined, day, side="right")
    weight = season * week * won
    return rng.multinomial(rows, weight / weight.sum())


def _buyers_of_day(
    rng: np.random.Generator,
    day: int,
    n: int,
    joined: np.ndarray,
    gone: np.ndarray,
    cumulated_rate: np.ndarray,
) -> np.ndarray:
    """Return the positions of the day's buyers: each who joins today, then others by rate while they stay."""
    first, last = np.searchsorted(joined, [day, day + 1])
    found = [np.arange(first, last)]
    missing = n - (last - first)
    while missing > 0:
        drawn = np.searchsorted(cumulated_rate, rng.random(2 * missing + 8) * cumulated_rate[last - 1])
        staying = drawn[gone[drawn] > day][:missing]
        # Where a tiny shop has nobody left, the draw stands whoever it is.
        found.append(staying if staying.size else drawn[:missing])
        missing -= found[-1].size
    return rng.permutation(np.concatenate(found))


def _month(rng: np.random.Generator, who: np.ndarray, day: np.ndarray, basket: np.ndarray) -> pa.Table:
    cents = np.maximum(1, np.rint(100 * basket * rng.gamma(2.0, 0.5, who.size))).astype(np.int64)
    revenue = cents * 100
    margin = np.rint(revenue * rng.uniform(0.05, 0.45, who.size)).astype(np.int64)
    dates = (np.datetime64(FIRST_DAY, "D") + day).astype("datetime64[D]")
    return pa.table([pa.array(who), pa.array(dates), _decimal(revenue), _decimal(margin)], schema=_schema())


def _decimal(ten_thousandths: np.ndarray) -> Any:
    """Return a DECIMAL(18,4) column from whole ten-thousandths, without a Python object a value."""
    words = np.empty((ten_thousandths.size, 2), dtype="<i8")
    words[:, 0] = ten_thousandths
    words[:, 1] = ten_thousandths >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 4), ten_thousandths.size, [None, pa.py_buffer(words)])


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the seeded transactions and print their path.")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    print(transactions_file(rows=given.rows, customers=given.customers, seed=given.seed))


if __name__ == "__main__":
    main()
