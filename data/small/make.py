"""Make the small tables of this folder: an invented company, so that every notebook runs offline.

Run ``python data/small/make.py`` to write the three files again; the seed makes them the same.
Planted: two shoppers in five were there from the start, the others came one by one; each buys at
random at her own gamma distributed rate and stops for good after a purchase with her own chance,
one in eight on average; yearly contracts end at about a fifth of the rate of monthly ones;
a third of the subscribers were already customers when observation began (late entry).
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20261122
START, END = date(2024, 1, 1), date(2025, 12, 31)
DAYS = (END - START).days
SHOPPERS, SUBSCRIBERS = 900, 600
MONTHLY_HAZARD = {"monthly": 0.040, "yearly": 0.008}  # a month
CAUSES = ("competitor", "price", "moved")
HERE = Path(__file__).parent


def transactions(rng: np.random.Generator) -> list[dict[str, object]]:
    """Purchases of shoppers with gamma distributed rates, who may stop for good after any of them."""
    rows: list[dict[str, object]] = []
    rates = rng.gamma(0.9, 1 / 45, SHOPPERS)  # purchases a day
    stops = rng.beta(1.0, 7.0, SHOPPERS)  # chance of stopping after a purchase
    came = np.where(rng.random(SHOPPERS) < 0.4, 0, rng.uniform(0, DAYS, SHOPPERS))
    for i, (rate, stop, day) in enumerate(zip(rates, stops, came, strict=True)):
        day = day if day > 0 else rng.exponential(1 / rate)
        while day <= DAYS:
            units = int(rng.integers(1, 5))
            cents = units * int(rng.integers(400, 2500))
            rows.append(
                {
                    "customer": f"S{i:04d}",
                    "date": START + timedelta(days=int(day)),
                    "units": units,
                    "revenue": f"{cents / 100:.2f}",
                    "margin": f"{round(cents * 0.35) / 100:.2f}",
                }
            )
            if rng.random() < stop:
                break
            day += rng.exponential(1 / rate)
    rows = sorted(rows, key=lambda row: (row["date"], row["customer"]))
    return [{**row, "order": f"O{k:05d}"} for k, row in enumerate(rows)]


def subscribers(rng: np.random.Generator) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Contract spells, and the day from which each would have been seen to leave."""
    customers: list[dict[str, object]] = []
    spells: list[dict[str, object]] = []
    while len(spells) < SUBSCRIBERS:
        plan = str(rng.choice(list(MONTHLY_HAZARD)))
        joined = START + timedelta(days=int(rng.integers(-365, DAYS - 30)))
        lived = int(rng.exponential(30.4375 / MONTHLY_HAZARD[plan])) + 1
        left = joined + timedelta(days=lived)
        if left <= START:
            continue  # gone before observation began: nobody could have recorded this customer
        ended = left <= END
        name = f"C{len(spells):04d}"
        region = str(rng.choice(["north", "south"]))
        customers.append(
            {"customer": name, "joined": joined, "observed_from": max(joined, START), "region": region}
        )
        cause = str(rng.choice(CAUSES, p=(0.5, 0.3, 0.2))) if ended else "none"
        spells.append(
            {"customer": name, "plan": plan, "entry": joined, "exit": left if ended else "", "cause": cause}
        )
    return customers, spells


def write(name: str, rows: list[dict[str, object]]) -> None:
    """Write one table beside this script."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    generator = np.random.default_rng(SEED)
    write("transactions.csv", transactions(generator))
    people, contracts = subscribers(generator)
    write("customers.csv", people)
    write("subscriptions.csv", contracts)
