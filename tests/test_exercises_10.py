"""The truths of notebook 10's exercises, held to what is worked out by hand from the tables."""

from __future__ import annotations

import ast

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from cemlab import employees, simulate
from cemlab.marking import checking
from cemlab.marking.exercises_10 import EXAMPLE, ITEMS
from cemlab.notebook import catalogue
from cemlab.simulate.truths import Network


@pytest.fixture(scope="module")
def company():
    return simulate.company()


def traps(number, company):
    return {trap.name: trap.value(company) for trap in checking.find(number).traps}


def test_both_paths_are_those_planted_and_a_lasting_gain_piles_up(company):
    planted = Network()
    assert checking.find("10.a").truth(company) == planted.engagement_experience
    level, so_far = planted.experience_engagement, 0.0
    for _ in range(200):  # a better experience that lasts, month after month
        so_far = planted.engagement_memory * so_far + level
    # what is missing after 200 months is 0.4 to their power
    assert checking.find("10.1").truth(company) == pytest.approx(so_far, rel=1e-12)


def test_the_naive_correlations_mix_what_branches_are(company):
    rows = (
        company.table("engagement").to_pandas().merge(company.table("employees").to_pandas(), on="employee")
    )
    mean = rows.groupby(["branch", "month"])["score"].mean()
    panel = company.table("branch_month").to_pandas().set_index(["branch", "month"])["cx"]
    both = pd.concat([mean, panel], axis=1).to_numpy()
    found = traps("10.a", company)
    name = "the correlation over all branches and months"
    # sums of three decimals in another order
    assert found[name] == pytest.approx(np.corrcoef(both.T)[0, 1], rel=1e-9)
    assert found["the correlation of branches' means"] > found[name] > checking.find("10.a").truth(company)


def test_branches_above_even_are_those_of_wilson(company):
    rows = (
        company.table("engagement").to_pandas().merge(company.table("employees").to_pandas(), on="employee")
    )
    last = rows[rows["month"] == rows["month"].max()]
    low, high = np.quantile(last["score"], [1 / 3, 2 / 3])
    sure, seen = 0, 0
    for _, own in last.groupby("branch"):
        up, down = int((own["score"] > high).sum()), int((own["score"] < low).sum())
        seen += up > down
        sure += binomtest(up, up + down).proportion_ci(method="wilson").low > 0.5
    assert checking.find("10.2").truth(company) == sure
    assert traps("10.2", company)["the ratios without their intervals"] == seen > 3 * sure


def test_the_cost_is_that_of_those_who_would_stay(company):
    left = company.table("employees").to_pandas()["left"]
    months = company.table("engagement").to_pandas()["month"].nunique()
    each = np.sum([np.mean(ends) for ends in ITEMS.values()])  # the mean of a triangle is that of its corners
    stay = 1 - np.sqrt(Network().leaving_per_engagement)
    by_hand = left.notna().sum() * 12 / months * each * stay
    assert checking.find("10.3").truth(company) == pytest.approx(by_hand, rel=1e-12)
    found = traps("10.3", company)
    assert found["all months of the data"] == pytest.approx(by_hand * months / 12, rel=1e-12)


def test_the_notebook_states_the_same_amounts():
    cells = nbformat.read(catalogue.find("10-employee-mirror").path, as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    stated = [
        ast.literal_eval(line.value)
        for tree in trees
        for line in tree.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "items"
    ]
    assert stated == [{name: tuple(ends) for name, ends in ITEMS.items()}]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    lower = [node.value.value for node in calls if node.arg == "lower_by" and hasattr(node.value, "value")]
    assert EXAMPLE in lower


def test_figures_printed_beside_the_answer_are_named_and_not_right(company):
    found = traps("10.a", company)
    mirror = employees.mirror(
        employees.engagement_months(company),
        persons=employees.person_months(company),
        halves=("cx_a", "cx_b"),
    )
    shown = mirror.table[mirror.table["path"] == "engagement → experience"]
    names = ("the row called uncorrected", "the row without levels of branches")
    for way, name in zip(("within units, uncorrected", "no unit levels"), names, strict=True):
        row = shown.loc[shown["way"] == way, "estimate"].iloc[0]
        assert found[name] == row
        mark = checking.check("10.a", round(row, 3), company)
        assert not mark.right
        assert f"looks like {name}" in mark.message
    assert checking.check("10.a", mirror.compared["estimate"].iloc[0], company).message.count("in spreads")
    # a path of the right size that is no printed figure, among them the answer of the notebook, stays right
    for answer in (shown["estimate"].iloc[0], 0.19, 0.2):
        assert checking.check("10.a", answer, company).right
    # the example of the page is a twentieth of the leavers, and asked are about twice as many
    example = traps("10.3", company)["the example above"]
    assert "the example above" in checking.check("10.3", example, company).message
