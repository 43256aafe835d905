"""What became of those loyal to a brand, a year later: counted, with intervals, and nothing claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.loyalty.panels import Among, BrandPanel, check_loyalty, fates_of
from cemlab.markup import join_words, percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.intervals import wilson

#: Loyal households below which shares are hardly more than anecdotes.
FEW = 30
#: What must be said where those who left the category are left out.
ONLY_BUYERS = "Only those who bought the category again are counted; who left it is not seen at all."


@dataclass(frozen=True, eq=False, kw_only=True)
class Fates(Result):
    """The fates of the loyal.

    Parameters
    ----------
    table
        Four rows a brand (three among buyers): brand, fate, n (households with this fate), n_loyal, estimate
        (their share of the loyal), conf_low, conf_high (Wilson, each for its own share), sim_low, sim_high
        (Goodman, at the same level for the shares of a brand together).
    threshold, least
        Who counts as loyal: share of the category purchases of a year, and the fewest of the base year.
    among
        Whether all of the loyal count, or those only who bought the category in the follow-up too.
    simulated
        Whether the households were drawn and not observed; every title then says so.
    """

    threshold: float
    least: int
    among: Among = "all"
    simulated: bool = False

    title: ClassVar[str] = "Fates of the loyal"
    labels: ClassVar[dict[str, str]] = {"brand": "Brand", "n_loyal": "Loyal households"}

    @property
    def brands(self) -> tuple[str, ...]:
        """The brands of the table."""
        return tuple(self.table["brand"].drop_duplicates())

    def of(self, brand: str) -> pd.DataFrame:
        """Return the rows of one brand."""
        return self.table[self.table["brand"] == brand].reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a brand: loyal households and the share of each fate with its own interval."""
        rows = []
        for brand in self.brands:
            own = self.of(brand)
            shares = {
                row[
                    "fate"
                ]: f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
                for row in own.to_dict("records")
            }
            rows.append({"brand": brand, "n_loyal": int(own["n_loyal"].iloc[0]), **shares})
        return pd.DataFrame(rows)

    def narrative(self) -> str:
        """Tell the fates of those loyal to the first brand."""
        own = self.of(self.brands[0]).to_dict("records")
        parts = [
            f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])}) {row['fate']}"
            for row in own
        ]
        of = "In a simulated panel, of" if self.simulated else "Of"
        return (
            f"{of} {own[0]['n_loyal']:,} households loyal to {own[0]['brand']} in the base period "
            f"({loyal_means(self.threshold, self.least, self.among)}), {join_words(parts)} in the next."
        )

    @property
    def chart(self) -> Chart:
        """Bars of the shares, one series a brand."""
        brand, several = self.brands[0], len(self.brands) > 1
        stayed = float(self.of(brand)["estimate"].iloc[0])
        marked = "Simulated: " if self.simulated else ""
        return Chart(
            kind="bar",
            frame=self.table,
            x="fate",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="brand" if several else None,
            x_label="What the loyal did in the next period",
            y_label="Share of the loyal households [%]",
            claim=f"{marked}Of the households loyal to {brand}, {percent(stayed, digits=0)} stayed loyal",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def loyal_means(threshold: float, least: int, among: Among = "all") -> str:
    """Return what loyal means, in words."""
    much = "all" if threshold == 1 else f"at least {100 * threshold:.4g} %"
    what = "the category purchases" if least == 1 else f"at least {least:,} category purchases"
    again = "" if among == "all" else ", and bought the category again"
    often = f" at least {least:,} times" if again and least > 1 else ""
    return f"{much} of {what}{again}{often}"


def fates(
    panel: BrandPanel,
    *,
    brand: str | None = None,
    threshold: float = 0.7,
    least: int = 1,
    among: Among = "all",
    conf_level: float = 0.95,
) -> Fates:
    """Answer what those loyal to a brand in the base period did in the next.

    Parameters
    ----------
    panel
        From :func:`cemlab.loyalty.panel`.
    brand
        A brand; without one, every brand that somebody is loyal to, each with rows of its own.
    threshold
        Share of a period's category purchases from which a household is loyal, 0.5 to 1. At exactly 0.5 a
        household that split its purchases evenly is loyal to two brands and is counted with both.
    least
        Fewest category purchases in the base period; of those who bought once, everybody is loyal.
    among
        ``"all"``: all of the loyal; ``"buyers"``: only those who bought the category in the follow-up too, at
        least `least` times, as panels of continuous buyers are published. Who left the category is then
        not seen at all, so that the shares are others.
    conf_level
        Level of the intervals.

    Returns
    -------
    Fates
        Its table has brand, fate (stayed loyal; weakened: bought the brand, but below the threshold; left for
        another brand; left the category: bought nothing of it), n, n_loyal, estimate, conf_low, conf_high,
        sim_low, sim_high.

    Raises
    ------
    OptionError
        If the threshold or the minimum is out of range, or nobody bought the brand in the base period.
    DesignError
        If nobody is loyal.

    Notes
    -----
    The shares say nothing about why: most of them follow from chance alone. See
    :func:`cemlab.loyalty.excess` for what is left. Those who buy nothing in the next period may have
    left the panel and not the category; nobody can tell them apart here.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association 22, 209–212.
    Goodman, L. A. (1965). On simultaneous confidence intervals for multinomial proportions.
    Technometrics 7, 247–254.
    """
    check_loyalty(threshold=threshold, least=least, among=among)
    check_conf_level(conf_level)
    names = panel.brands if brand is None else (panel.check_brand(brand),)
    counts = {name: fate_counts(panel, name, threshold=threshold, least=least, among=among) for name in names}
    counts = {name: found for name, found in counts.items() if found.sum() > 0}
    if not counts:
        raise nobody_loyal(brand, threshold, least, among)
    table = pd.concat([_rows(name, found, conf_level) for name, found in counts.items()], ignore_index=True)
    return Fates(
        table=table,
        evidence=_evidence(panel, counts, names, threshold, among),
        conf_level=conf_level,
        threshold=threshold,
        least=int(least),
        among=among,
        simulated=panel.simulated,
    )


def fate_counts(
    panel: BrandPanel, brand: str, *, threshold: float, least: int, among: Among
) -> NDArray[np.int64]:
    """Return the loyal households with each fate that can be met, in the order of FATES."""
    cells = panel.loyal(brand, threshold=threshold, least=least, among=among)
    weight = cells["n_households"].to_numpy()
    return np.bincount(cells["fate"].to_numpy(), weights=weight, minlength=len(fates_of(among))).astype(
        np.int64
    )


def nobody_loyal(brand: str | None, threshold: float, least: int, among: Among) -> DesignError:
    """Return the error of a definition that nobody meets."""
    whom = "any brand" if brand is None else repr(brand)
    return DesignError(
        f"nobody is loyal to {whom} with {loyal_means(threshold, least, among)} "
        "in the base period; lower the threshold or the minimum"
    )


def enough_loyal(n: int) -> Check:
    """Check that the loyal are enough to speak of shares."""
    return Check(
        name="enough loyal households",
        null=f"at least {FEW} households are loyal",
        passed=n >= FEW,
        detail=f"{n:,} are.",
        remedy="The interval is wide for that; lower the threshold or the minimum, or take more households.",
    )


def _rows(brand: str, counts: NDArray[np.int64], conf_level: float) -> pd.DataFrame:
    total = int(counts.sum())
    share = wilson(counts, total, conf_level=conf_level)
    # Goodman's interval solves Wilson's equation at the level that Bonferroni asks of each of the shares
    together = wilson(counts, total, conf_level=1 - (1 - conf_level) / counts.size)
    return pd.DataFrame(
        {
            "brand": brand,
            "fate": FATES[: counts.size],
            "n": counts,
            "n_loyal": total,
            "estimate": share.estimate,
            "conf_low": share.conf_low,
            "conf_high": share.conf_high,
            "sim_low": together.conf_low,
            "sim_high": together.conf_high,
        }
    )


def _evidence(
    panel: BrandPanel,
    counts: dict[str, NDArray[np.int64]],
    names: tuple[str, ...],
    threshold: float,
    among: Among,
) -> Evidence:
    sizes = {name: int(found.sum()) for name, found in counts.items()}
    checks = [enough_loyal(min(sizes.values()))]
    nobody = [name for name in names if name not in sizes]
    if nobody:
        checks.append(
            Check(
                name="somebody loyal to every brand",
                null="every brand has loyal households",
                passed=False,
                detail=f"Nobody is loyal to {join_words(nobody)}.",
                remedy="These brands are left out.",
            )
        )
    told = []
    if threshold == 0.5:
        told.append(
            "A household that split its purchases evenly on two brands is loyal to both and counts twice."
        )
    if among == "buyers":
        told.append(ONLY_BUYERS)
    return Evidence(
        grade="descriptive",
        design=panel.design,
        unit="households",
        # at one half the same household may be loyal to two brands
        n_used=min(sum(sizes.values()), panel.households),
        n_given=panel.households,
        source=panel.source,
        assumptions=tuple(told),
        checks=(*checks, *panel.coverage()),
    )
