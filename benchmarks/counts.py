"""RFM, cohort retention and loyalty transitions of 20 million purchase lines: cemlab against its peers.

    python benchmarks/counts.py [--rows N] [--customers N] [--repeats N]

Compared, each as a process of its own, from starting Python to its end, over one Parquet file:

- ``bare``: DuckDB's plain ``group by customer`` (count, sum of revenue, first and last day), kept as a
  table in the engine. It answers none of the three questions whole; it is the floor.
- ``cemlab``: the three results by :class:`cemlab.data.counts.PurchaseCounts`; RFM is kept as a table in the
  engine as the bare one is, the two small tables are fetched.
- ``cemlab_margin``: the same, with the margin added up beside the revenue, which neither peer does.
- ``pandas``: the straightforward programme for the same three results, each from the lines, as tutorials
  have it. It is given money as whole ten-thousandths: as pandas reads DECIMAL it would take far longer.
- ``pandas_shared``: a tuned one, which shares a customer-year table as cemlab does.

Before anything is timed, the three results of cemlab and pandas are compared cell by cell, money as whole
ten-thousandths. The last line is one JSON object: medians of the repeats, ratios of whole-process times,
the same ratio in processor seconds (steadier on a busy machine), and the highest memory of any cemlab run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

AS_OF = date(2024, 12, 31)
TIERS = {"one": 1, "two or three": 2, "four or more": 4}
RESULTS = ("rfm", "cohort_retention", "transitions")


def bare(path: Path, _out: Path | None) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.read_parquet(str(path)).create_view("lines")
    connection.execute(
        "CREATE TEMP TABLE customers AS SELECT customer, count(*) AS n, sum(revenue) AS revenue, "
        "min(date) AS first_day, max(date) AS last_day FROM lines GROUP BY customer"
    )


def cemlab(path: Path, out: Path | None, *, money: tuple[str, ...] = ("revenue",)) -> None:
    from cemlab.data import engine
    from cemlab.data.counts import PurchaseCounts

    lines = engine.connect(path.parent).read_parquet(path)
    counts = PurchaseCounts(lines, period="year", money=money)  # type: ignore[arg-type]
    rfm = counts.rfm(as_of=AS_OF).cache()
    # batches, for the one-piece fetch imports pandas
    retention = counts.cohort_retention().to_pyarrow_batches().read_all()
    transitions = counts.transitions(tiers=TIERS).to_pyarrow_batches().read_all()
    if out is not None:
        retention = retention.drop_columns(["age", "n_cohort"])
        _write(out, rfm.order_by("customer").to_pyarrow(), _without_zeros(retention), transitions)


def cemlab_margin(path: Path, out: Path | None) -> None:
    cemlab(path, out, money=("revenue", "margin"))


def pandas(path: Path, out: Path | None) -> None:
    import pandas as pd

    lines = _lines_for_pandas(path)
    rfm = _rfm_by_pandas(lines)

    lines["year"] = lines["date"].dt.year
    lines["cohort"] = lines.groupby("customer")["date"].transform("min").dt.year
    retention = lines.groupby(["cohort", "year"])["customer"].nunique().reset_index(name="n_customers")

    by_year = lines.groupby(["customer", "year"]).size().unstack(fill_value=0)
    first_year = lines.groupby("customer")["year"].min()
    transitions = pd.concat(_moves_by_pandas(by_year, first_year))
    if out is not None:
        _write_pandas(out, rfm, retention, transitions)


def pandas_shared(path: Path, out: Path | None) -> None:
    import pandas as pd

    lines = _lines_for_pandas(path)
    rfm = _rfm_by_pandas(lines)

    lines["year"] = lines["date"].dt.year
    by_year = lines.groupby(["customer", "year"]).size().reset_index(name="n")
    first_year = rfm["first"].dt.year
    by_year["cohort"] = by_year["customer"].map(first_year)
    retention = by_year.groupby(["cohort", "year"]).size().reset_index(name="n_customers")

    wide = by_year.pivot(index="customer", columns="year", values="n").fillna(0)
    transitions = pd.concat(_moves_by_pandas(wide, first_year))
    if out is not None:
        _write_pandas(out, rfm, retention, transitions)


def _lines_for_pandas(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["customer", "date", "revenue"])
    position = table.schema.get_field_index("revenue")
    whole = pa.chunked_array([_ten_thousandths(chunk) for chunk in table["revenue"].chunks])
    return table.set_column(position, "revenue", whole).to_pandas(date_as_object=False)


def _rfm_by_pandas(lines: Any) -> Any:
    import pandas as pd

    rfm = lines.groupby("customer").agg(
        frequency=("date", "size"),
        revenue=("revenue", "sum"),
        first=("date", "min"),
        last=("date", "max"),
    )
    rfm["recency_days"] = (pd.Timestamp(AS_OF) - rfm["last"]).dt.days
    return rfm


def _moves_by_pandas(by_year: Any, first_year: Any) -> list[Any]:
    import pandas as pd

    edges, names = [-1, 0, 1, 3, float("inf")], ["no purchase", *TIERS]
    moves = []
    for year in sorted(by_year.columns)[:-1]:
        known = by_year[first_year <= year]
        tier = pd.cut(known[year], edges, labels=names)
        next_tier = pd.cut(known[year + 1], edges, labels=names)
        cells = pd.crosstab(tier, next_tier).stack().rename_axis(["tier", "next_tier"])
        cells = cells[cells > 0].reset_index(name="n_customers")
        moves.append(cells.assign(period=year, next_period=year + 1))
    return moves


PEERS: dict[str, Callable[[Path, Path | None], None]] = {
    "bare": bare,
    "cemlab": cemlab,
    "cemlab_margin": cemlab_margin,
    "pandas": pandas,
    "pandas_shared": pandas_shared,
}


ANSWERING = tuple(peer for peer in PEERS if peer != "bare")


def _ten_thousandths(decimals: Any) -> Any:
    """Return DECIMAL(18,4) values as whole numbers: the lower half of each 16 bytes, for they all fit."""
    import numpy as np
    import pyarrow as pa

    words = np.frombuffer(decimals.buffers()[1], dtype="<i8").reshape(-1, 2)
    return pa.array(words[decimals.offset : decimals.offset + len(decimals), 0])


def _without_zeros(retention: Any) -> Any:
    import pyarrow.compute as pc

    # cemlab also tells of periods in which nobody of a cohort bought; the peer does not
    return retention.filter(pc.greater(retention["n_customers"], 0))


def _write(out: Path, rfm: Any, retention: Any, transitions: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pa.chunked_array([_ten_thousandths(chunk) for chunk in rfm["revenue"].chunks])
    rfm = rfm.set_column(rfm.schema.get_field_index("revenue"), "revenue", whole)
    columns = ["customer", "recency_days", "frequency", "revenue", "first", "last"]
    pq.write_table(rfm.select(columns), out / "rfm.parquet")
    pq.write_table(_sorted(retention, ["cohort", "period"]), out / "cohort_retention.parquet")
    keys = ["period", "next_period", "tier", "next_tier"]
    pq.write_table(_sorted(transitions, keys), out / "transitions.parquet")


def _sorted(table: Any, keys: list[str]) -> Any:
    return table.select([*keys, "n_customers"]).sort_by([(key, "ascending") for key in keys])


def _write_pandas(out: Path, rfm: Any, retention: Any, transitions: Any) -> None:
    import pandas as pd
    import pyarrow as pa

    def small(frame: Any, years: list[str]) -> Any:
        first_days = {name: pd.to_datetime(frame[name].astype(str) + "-01-01").dt.date for name in years}
        frame = frame.assign(**first_days)
        texts = {name: frame[name].astype(str) for name in ("tier", "next_tier") if name in frame.columns}
        return pa.Table.from_pandas(frame.assign(**texts), preserve_index=False)

    import pyarrow.parquet as pq

    days = {name: rfm[name].dt.date for name in ("first", "last")}
    table = pa.Table.from_pandas(rfm.sort_index().assign(**days).reset_index(), preserve_index=False)
    columns = ["customer", "recency_days", "frequency", "revenue", "first", "last"]
    pq.write_table(table.select(columns), out / "rfm.parquet")
    retention = small(retention.rename(columns={"year": "period"}), ["cohort", "period"])
    pq.write_table(_sorted(retention, ["cohort", "period"]), out / "cohort_retention.parquet")
    transitions = small(transitions, ["period", "next_period"])
    keys = ["period", "next_period", "tier", "next_tier"]
    pq.write_table(_sorted(transitions, keys), out / "transitions.parquet")


def check_equal(path: Path) -> None:
    """Compare the three results of all that give them; end here if they differ."""
    import pyarrow.parquet as pq
    from processes import run

    with tempfile.TemporaryDirectory() as folder:
        tables = {}
        for peer in ANSWERING:
            out = Path(folder) / peer
            out.mkdir()
            run(__file__, peer, path, out)
            tables[peer] = {name: pq.read_table(out / f"{name}.parquet") for name in RESULTS}
    for name in RESULTS:
        ours = tables["cemlab"][name]
        for peer in ANSWERING:
            if not ours.equals(tables[peer][name].cast(ours.schema)):
                raise SystemExit(f"cemlab and {peer} differ in {name}:\n{ours}\n{tables[peer][name]}")
        print(f"{name}: {ours.num_rows:,} rows, equal in every cell", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare cemlab's counts with a bare group-by and pandas.")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        PEERS[given.peer](given.file, given.out)
        return
    print(json.dumps(compare(rows=given.rows, customers=given.customers, repeats=given.repeats)))


def compare(*, rows: int, customers: int, repeats: int) -> dict[str, Any]:
    """Return the medians and ratios over all peers; the peers take turns, so that drift hits all alike."""
    from processes import run
    from transactions import transactions_file

    path = transactions_file(rows=rows, customers=customers)
    print(
        f"{rows:,} lines of {customers:,} customers, {path.stat().st_size / 1e6:,.0f} MB: {path}", flush=True
    )
    check_equal(path)
    runs: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for turn in range(repeats):
        for peer in PEERS:
            if not peer.startswith("pandas") or turn < 3:  # they take long
                runs[peer].append(run(__file__, peer, path))
        print(f"turn {turn + 1} of {repeats}", flush=True)

    def median(peer: str, what: str) -> float:
        return statistics.median(one[what] for one in runs[peer])

    def ratio(above: str, below: str, what: str = "seconds") -> float:
        return round(median(above, what) / median(below, what), 3)

    return {
        "rows": rows,
        "customers": customers,
        "ratio_to_bare": ratio("cemlab", "bare"),
        "ratio_to_bare_cpu": ratio("cemlab", "bare", "cpu_seconds"),
        "ratio_pandas_to_cemlab": ratio("pandas", "cemlab"),
        "ratio_pandas_to_cemlab_cpu": ratio("pandas", "cemlab", "cpu_seconds"),
        "ratio_pandas_shared_to_cemlab": ratio("pandas_shared", "cemlab"),
        "ratio_with_margin_to_bare": ratio("cemlab_margin", "bare"),
        "ratio_with_margin_to_bare_cpu": ratio("cemlab_margin", "bare", "cpu_seconds"),
        "peak_mb": round(max(one["peak_mb"] for one in runs["cemlab"])),
        "peak_mb_with_margin": round(max(one["peak_mb"] for one in runs["cemlab_margin"])),
        "peak_mb_pandas": round(max(one["peak_mb"] for one in runs["pandas"])),
        "seconds": {peer: round(median(peer, "seconds"), 3) for peer in PEERS},
        "cpu_seconds": {peer: round(median(peer, "cpu_seconds"), 3) for peer in PEERS},
        "equal_to_pandas": True,
    }


if __name__ == "__main__":
    main()
