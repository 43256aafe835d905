"""Ten million purchase lines of CSV, checked and loaded: cemlab against DuckDB's typed reader with rejects.

    python benchmarks/intake.py [--rows N] [--repeats N]

Compared, each as a process of its own, from starting Python to its end, over the same file:

- ``duckdb``: ``CREATE TABLE`` from ``read_csv`` with the types declared and ``store_rejects``, in memory.
- ``duckdb_parquet``: the same, written to a Parquet file instead, which is what cemlab does.
- ``cemlab``: ``cemlab load``: every value checked, rows set aside kept with line and reason, Parquet written.

Three files: ``clean`` as a till exports it; ``quoted`` with one text column in quotes; ``dirty`` with a
broken value in one row of a hundred. DuckDB takes the dirty one faster because it takes some of the broken
values for good ones: how many rows each of them accepts is printed with the rest.

The last line is one JSON object: medians of the repeats, ratios of whole-process times, the same ratios in
processor seconds (steadier on a busy machine), and the highest memory of any cemlab run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

FILES = ("clean", "quoted", "dirty")
_TYPES = {
    "customer": "VARCHAR",
    "date": "DATE",
    "order": "VARCHAR",
    "category": "VARCHAR",
    "units": "BIGINT",
    "revenue": "DECIMAL(18,4)",
}


def purchases_file(kind: str, *, rows: int) -> Path:
    """Return a CSV file, made first where the system's temporary folder does not hold it yet."""
    folder = Path(tempfile.gettempdir()) / "cemlab-benchmarks" / f"intake-v1-{kind}-{rows}"
    path = folder / "transactions.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        _write(kind, unfinished, rows=rows)
        unfinished.replace(path)
    return path


def _write(kind: str, path: Path, *, rows: int) -> None:
    """Write the lines block by block; every hundredth is broken in the dirty file, in five ways in turn."""
    import numpy as np

    rng = np.random.default_rng(3)
    broken = ("31/02/2024", "1_975", "12,50", "1e3", "")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_TYPES) + "\n")
        for start in range(0, rows, 100_000):
            n = min(100_000, rows - start)
            days = np.datetime64("2021-01-01") + rng.integers(0, 1461, n)
            cents = rng.gamma(2.0, 2000.0, n).astype(np.int64) + 1
            customers = rng.integers(1, 1_000_000, n)
            kinds = rng.integers(1, 40, n)
            units = rng.integers(1, 9, n)
            lines = []
            for i in range(n):
                revenue = f"{cents[i] // 100}.{cents[i] % 100:02d}"
                if kind == "dirty" and i % 100 == 0:
                    revenue = broken[(i // 100) % len(broken)]
                    revenue = f'"{revenue}"' if "," in revenue else revenue
                category = f'"shelf, {kinds[i]}"' if kind == "quoted" else f"shelf {kinds[i]}"
                order = start + i
                lines.append(f"C{customers[i]},{days[i]},{order},{category},{units[i]},{revenue}\n")
            file.writelines(lines)


def duckdb(path: Path, _out: Path) -> None:
    _duckdb(path, "CREATE TABLE lines AS {}")


def duckdb_parquet(path: Path, out: Path) -> None:
    _duckdb(path, f"COPY ({{}}) TO '{out / 'transactions.parquet'}' (FORMAT parquet)")


def _duckdb(path: Path, statement: str) -> None:
    import duckdb

    connection = duckdb.connect()
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _TYPES.items())
    read = f"SELECT * FROM read_csv('{path}', columns = {{{columns}}}, header = true, store_rejects = true)"
    connection.execute(statement.format(read)).fetchall()
    print(connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchall()[0][0], flush=True)


def cemlab(path: Path, out: Path) -> None:
    from cemlab.data.intake.export import load

    (report,) = load(path.parent, out=out)
    print(report.records - report.accepted, flush=True)


PEERS = {"duckdb": duckdb, "duckdb_parquet": duckdb_parquet, "cemlab": cemlab}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare cemlab's intake with DuckDB's typed CSV reader.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        PEERS[given.peer](given.file, given.out)
        return
    print(json.dumps(compare(rows=given.rows, repeats=given.repeats)))


def compare(*, rows: int, repeats: int) -> dict[str, Any]:
    """Return the medians and ratios over all peers; the peers take turns, so that drift hits all alike."""
    from processes import run

    runs: dict[tuple[str, str], list[dict[str, float]]] = {}
    for kind in FILES:
        path = purchases_file(kind, rows=rows)
        print(f"{kind}: {rows:,} lines, {path.stat().st_size / 1e6:,.0f} MB", flush=True)
        for _ in range(repeats):
            for peer in PEERS:
                print(f"{peer}, rows set aside: ", end="", flush=True)
                with tempfile.TemporaryDirectory() as out:
                    runs.setdefault((kind, peer), []).append(run(__file__, peer, path, Path(out)))

    def median(kind: str, peer: str, what: str) -> float:
        return statistics.median(one[what] for one in runs[kind, peer])

    def ratio(kind: str, peer: str, what: str) -> float:
        return round(median(kind, "cemlab", what) / median(kind, peer, what), 2)

    return {
        "rows": rows,
        **{f"ratio_{kind}_to_duckdb": ratio(kind, "duckdb", "seconds") for kind in FILES},
        **{f"ratio_{kind}_to_duckdb_cpu": ratio(kind, "duckdb", "cpu_seconds") for kind in FILES},
        **{f"ratio_{kind}_to_duckdb_parquet": ratio(kind, "duckdb_parquet", "seconds") for kind in FILES},
        "peak_mb": round(
            max(one["peak_mb"] for (_, peer), ones in runs.items() if peer == "cemlab" for one in ones)
        ),
        "seconds": {f"{kind} {peer}": round(median(kind, peer, "seconds"), 2) for kind, peer in runs},
    }


if __name__ == "__main__":
    main()
