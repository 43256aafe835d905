"""Whether the treated branches changed more than luck would have it, where there are few of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.markup import label, number, p_value, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.branch_values import BranchValues, group_time_values, two_period_values
from cemlab.stats.inverted_tests import NullDraws
from cemlab.stats.randomisation import assignments, randomisation_draws
from cemlab.stats.seeds import generator
from cemlab.stats.wild_bootstrap import sign_draws, wild_draws
from cemlab.training.few_branches_evidence import evidence_of_test
from cemlab.training.few_branches_rule import Choice, TestMethod, choose
from cemlab.training.roll_out import RollOut, roll_out
from cemlab.training.weights_shown import refuse_weights

if TYPE_CHECKING:
    import ibis.expr.types as ir

_FEWEST_DRAWS = 199
# units times draws that are held at once; many units need few draws
_ROOM, _ENOUGH_DRAWS = 5_000_000, 999
# with fewer units the wild bootstrap's two signs give too few ways, and six values are drawn
_WEBB_BELOW = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class FewBranchesTest(Result):
    """One figure, tested in three ways, of which a rule on the numbers of units takes one.

    Parameters
    ----------
    table
        One row a test: method, estimate [unit of the outcome], conf_low, conf_high, p_value (of no effect),
        level (share of assignments that did not happen in which it would have called its figure
        significant, the estimate taken away; of randomisation inference the level it attains; missing for
        the wild bootstrap), chosen, reason.
    choice
        The test that was taken, and why.
    n_treated, n_untreated
        Units.
    n_assignments
        Assignments looked at.
    outcome_name
        The column of the outcome.
    """

    choice: Choice
    n_treated: int
    n_untreated: int
    n_assignments: int
    outcome_name: str

    title: ClassVar[str] = "A test for few treated branches"
    labels: ClassVar[dict[str, str]] = {
        "method": "Test", "estimate": "Difference (interval)", "p_value": "p-value",
        "level": "Level attained", "chosen": "Taken",
    }  # fmt: skip

    @property
    def taken(self) -> pd.Series[Any]:
        """The row of the test that was taken."""
        return self.table[self.table["chosen"]].iloc[0]

    @property
    def summary(self) -> pd.DataFrame:
        """One row a test: estimate with interval, p-value, level attained, whether it was taken."""
        return pd.DataFrame(
            [
                {
                    "method": row["method"],
                    "estimate": with_interval(row),
                    "p_value": p_value(row["p_value"]),
                    "level": "not known" if np.isnan(row["level"]) else percent(row["level"]),
                    "chosen": f"yes: {row['reason']}" if row["chosen"] else "no",
                }
                for row in self.table.to_dict("records")
            ]
        )

    def narrative(self) -> str:
        """Tell the figure by the test that was taken, why it was, and what the usual one would have said."""
        row, usual = self.taken, self.table.iloc[0]
        alpha = percent(1 - self.conf_level, digits=0)
        beside = (
            ""
            if bool(usual["chosen"])
            else f" The usual clustered test gives {p_value(usual['p_value'])}, but with these units it "
            f"would call {percent(usual['level'], digits=0)} of the assignments that did not happen "
            f"significant, where it promises {alpha}."
        )
        attained = (
            ""
            if abs(self.choice.level - (1 - self.conf_level)) < 5e-4
            else f" The level attained is {percent(self.choice.level)}, as near to {alpha} as "
            f"{self.n_assignments:,} assignments allow."
        )
        subject = (
            f"If the design's assumptions hold, the treatment changed {self.outcome_name}"
            if self.evidence.identifies_cause
            else f"With the treatment {self.outcome_name} changed"
        )
        return (
            f"{subject} by {with_interval(dict(row))}, {p_value(row['p_value'])}, by {row['method']} "
            f"({self.n_treated:,} units treated, {self.n_untreated:,} not; "
            f"{100 * self.conf_level:g} % interval). "
            f"It was taken since {self.choice.reason}.{attained}{beside}"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the figure with the intervals of the three tests."""
        row = self.taken
        settled = not row["conf_low"] <= 0 <= row["conf_high"]
        name = f"{self.outcome_name} of {self.n_treated:,} treated units"
        claim = (
            f"The {name} changed by {number(row['estimate'])} beyond the others'"
            if settled
            else f"Whether the {name} changed otherwise than the others' is not settled"
        )
        frame = self.table[["method", "estimate", "conf_low", "conf_high"]]
        bounded = np.isfinite(frame["conf_low"]) & np.isfinite(frame["conf_high"])
        return Chart(
            kind="forest",
            frame=frame[bounded],
            x="estimate",
            y="method",
            low="conf_low",
            high="conf_high",
            x_label=f"Mean difference, in units of {self.outcome_name}",
            y_label="test",
            claim=claim,
            grade=self.evidence.grade,
            note=f"Taken: {row['method']}. {self.caption}",
            reference=0.0,
        )


def few_branches_test(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    post: Any = None,
    conf_level: float = 0.95,
    seed: int = 1,
    draws: int = 9_999,
    source: str = "",
) -> FewBranchesTest:
    """Answer whether a difference could be luck, by a test that holds its level with so few branches.

    Parameters
    ----------
    panel, outcome, unit, time, first_treated
        As in :func:`cemlab.training.roll_out`; or a :class:`RollOut` that was read before.
    post
        A period: compare each unit's mean from there on with its mean before anybody was treated; units
        treated later than that are left out. If not given, the overall average of the group-time effects
        (unadjusted, units not yet treated as controls) is tested.
    conf_level
        One less the level of the test.
    seed, draws
        Of the assignments and of the wild bootstrap; where there are no more than so many, all are listed.
        Of more than 500 units fewer are drawn, but not less than 999.
    source
        The line that stands under every figure.

    Returns
    -------
    FewBranchesTest
        Its table has one row a test with estimate, conf_low, conf_high, p_value, chosen.

    Raises
    ------
    ColumnError, DataError, OptionError
        For columns, options and values that are not there.
    DesignError
        If the panel holds no roll-out, or no test holds its level with so few units (by name, with how many
        it takes).

    Notes
    -----
    The rule is on numbers of units alone, never on what the tests say: the usual clustered test from 25 units
    in every group on; the restricted wild cluster bootstrap from 6 treated and 6 untreated on; below that
    randomisation inference, if its level is within three tenths of the one asked for. All intervals hold the
    effects that the test does not refute.

    Randomisation inference asks what the figure would be had other units been treated at these dates. It is
    exact if chance decided, or if units without treatment are exchangeable: alike in size and in how much
    they vary. A check compares their spread before the treatment. If the treated vary more than the others it
    rejects too often, if less too seldom, and no test can mend that with fewer than six: with 3 of 20
    treated, errors of treated units twice as large as the others' make it reject 21 % at a level of 5 %,
    half as large 1 %. The wild cluster bootstrap, with 6 of 20, rejects 6 % and 4 % then.

    In 2,000 placebo studies each over 12 to 60 units, one to half of them treated, with AR(0.8) errors, the
    test that the rule takes rejected between 3.7 and 6.2 %. The usual clustered test alone rejected 53 % with
    1 of 12 treated, 25 % with 2 of 20 and 20 % with 3 of 50.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for inference with
    clustered errors. Review of Economics and Statistics 90, 414–427. MacKinnon, J. G. and Webb, M. D. (2020).
    Randomization inference for difference-in-differences with few treated clusters. Journal of Econometrics
    218, 435–450.

    Examples
    --------
    >>> rows = [(b, t, (b * t) % 7 + 3.0 * (b < 4 and t > 2), 3 if b < 4 else 0)
    ...         for b in range(12) for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "cx", "first_trained"])
    >>> found = few_branches_test(panel, outcome="cx", post=3)
    >>> found.choice.method, found.n_assignments
    ('randomisation inference', 495)
    """
    _check_options(conf_level, draws)
    rng = generator(seed)
    rolled = (
        panel
        if isinstance(panel, RollOut)
        else roll_out(panel, outcome=outcome, unit=unit, time=time, first_treated=first_treated)
    )
    refuse_weights(rolled)
    _refuse_clusters(rolled)
    used, branches = _collapsed(rolled, post)
    draws = min(draws, max(_ENOUGH_DRAWS, _ROOM // len(branches.group)))
    ways, enumerated = assignments(branches.group, draws=draws, rng=rng)
    dealt = {
        studentised: randomisation_draws(branches, ways=ways, enumerated=enumerated, studentised=studentised)
        for studentised in (False, True)
    }
    sizes, alpha = branches.sizes, 1 - conf_level
    choice = choose(
        treated=int(sizes[:-1].sum()),
        untreated=int(sizes[-1]),
        smallest=int(sizes.min()),
        draws=dealt[False],
        alpha=alpha,
        one_date=len(sizes) == 2,
    )
    rows = [
        _usual(branches, dealt[True], conf_level),
        _wild(branches, rng, draws, alpha),
        _dealt_anew(branches, dealt[False], choice, alpha),
    ]
    table = pd.DataFrame(rows)
    table["chosen"] = table["method"] == choice.method
    table["reason"] = np.where(table["chosen"], choice.reason, "")
    return FewBranchesTest(
        table=table,
        evidence=evidence_of_test(rolled, used, branches, ways, choice, post, source),
        conf_level=conf_level,
        choice=choice,
        n_treated=int(sizes[:-1].sum()),
        n_untreated=int(sizes[-1]),
        n_assignments=len(ways),
        outcome_name=rolled.outcome_name,
    )


def _check_options(conf_level: float, draws: int) -> None:
    check_conf_level(conf_level)
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < _FEWEST_DRAWS:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from {_FEWEST_DRAWS} on, e.g. 9999")


def _refuse_clusters(rolled: RollOut) -> None:
    if len(np.unique(rolled.cluster)) < len(rolled.units):
        raise DesignError(
            "cluster: here every unit is its own cluster; sum the panel up to clusters and read it again"
        )


def _collapsed(rolled: RollOut, post: Any) -> tuple[RollOut, BranchValues]:
    """Return the units used, and what each brings to the figure."""
    used = rolled
    if post is None:
        branches = group_time_values(rolled.outcome, first=rolled.first)
    else:
        from_period = _number_of(post, rolled)
        kept = (rolled.first <= from_period) | (rolled.first == rolled.never)
        used = replace(
            rolled,
            units=tuple(np.array(rolled.units)[kept].tolist()),
            outcome=rolled.outcome[kept],
            first=rolled.first[kept],
        )
        start = int(rolled.first.min())
        change = used.outcome[:, from_period:].mean(axis=1) - used.outcome[:, :start].mean(axis=1)
        branches = two_period_values(change, treated=used.treated)
    if np.ptp(branches.values[:, 0]) <= 1e-12 * (1 + np.abs(rolled.outcome).max()):
        raise DesignError(
            f"column {rolled.outcome_name!r}: all units change alike to the last digit, so there is no luck "
            "to tell from; check that it is measured in every unit"
        )
    return used, branches


def _number_of(post: Any, rolled: RollOut) -> int:
    """Return the number of the period from which on the means after are taken."""
    periods = list(rolled.periods)
    asked = post
    if isinstance(periods[0], pd.Timestamp):
        asked = pd.to_datetime(post, errors="coerce")
    start = int(rolled.first.min())
    if asked not in periods[start:]:
        raise OptionError(
            f"post is {label(post)}; allowed: a period from the first treated one on, "
            f"{label(periods[start])} to {label(periods[-1])}"
        )
    return periods.index(asked)


def _usual(branches: BranchValues, dealt: NullDraws, conf_level: float) -> dict[str, Any]:
    """Return the usual clustered t test, and how often it would reject assignments that did not happen."""
    from scipy.special import stdtr, stdtrit

    n, error, estimate = len(branches.group), branches.std_error, branches.estimate
    critical = float(stdtrit(n - 1, (1 + conf_level) / 2))
    t = abs(estimate) / error if error else float("inf")
    # the first is what happened; the squares lack the factor of the clustered error
    others = dealt.statistics(estimate)[1:] * (n - 1) / n
    return _row(
        "usual clustered test",
        estimate,
        (estimate - critical * error, estimate + critical * error),
        p=2 * float(stdtr(n - 1, -t)),
        level=float((others > critical**2).mean()),
    )


def _wild(branches: BranchValues, rng: np.random.Generator, draws: int, alpha: float) -> dict[str, Any]:
    n = len(branches.group)
    signs, enumerated = sign_draws(n, signs="webb" if n < _WEBB_BELOW else "rademacher", draws=draws, rng=rng)
    turned = wild_draws(branches, factors=signs, enumerated=enumerated)
    ends = turned.interval(alpha)
    return _row("wild cluster bootstrap", branches.estimate, ends, p=turned.p_value(), level=float("nan"))


def _dealt_anew(branches: BranchValues, dealt: NullDraws, choice: Choice, alpha: float) -> dict[str, Any]:
    return _row(
        "randomisation inference",
        branches.estimate,
        dealt.interval(alpha, mid=choice.mid),
        p=dealt.p_value(mid=choice.mid),
        level=dealt.level(alpha, mid=choice.mid),
    )


def _row(
    method: TestMethod, estimate: float, ends: tuple[float, float], *, p: float, level: float
) -> dict[str, Any]:
    return {
        "method": method,
        "estimate": estimate,
        "conf_low": ends[0],
        "conf_high": ends[1],
        "p_value": p,
        "level": level,
    }
