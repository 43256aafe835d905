"""Evidence and errors: what a design allows to say, and what a refusal says."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab import errors
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import GRADES, Check, Evidence, refuse_causal_claim

WEAK = ["descriptive", "association", "adjusted"]
STRONG = ["quasi-experiment", "experiment"]


def evidence(**fields: object) -> Evidence:
    common: dict = {
        "grade": "association",
        "design": "Chosen.",
        "unit": "customers",
        "n_used": 7,
        "n_given": 7,
    }
    return Evidence(**{**common, **fields})


def check(passed: bool | None, remedy: str = "Stratify.") -> Check:
    return Check(name="hazards", null="proportional", passed=passed, detail="p = 0.2.", remedy=remedy)


@pytest.mark.parametrize("grade", WEAK)
@pytest.mark.parametrize(
    "claim",
    [
        "The effect of training", "Effects vary", "ROI is 3", "Impacted by price", "Price causes churn",
        "They leave because of price", "Price drives churn", "Churn driven by price", "Churn due to price",
        "Training leads to joy", "More joy thanks to training", "Price affects churn", "The drivers of churn",
        "Training results in joy", "Owing to price, they leave", "A causal reading", "the EFFECT",
    ],
)  # fmt: skip
def test_a_weak_design_claims_no_cause(grade, claim):
    with pytest.raises(
        DesignError, match=f"the design grade is '{grade}'.*write what goes with what instead"
    ):
        refuse_causal_claim(claim, grade=grade)


@pytest.mark.parametrize("grade", STRONG)
def test_a_strong_design_may_claim_a_cause(grade):
    assert refuse_causal_claim("The effect of training", grade=grade) == "The effect of training"


@pytest.mark.parametrize(
    "claim",
    [
        "Yearly contracts keep more customers",
        "Effective dates",
        "Heroic",
        "Screwdriver buyers return",
        "Bus drivers",
    ],
)
def test_words_that_only_look_causal_pass(claim):
    assert refuse_causal_claim(claim, grade="descriptive") == claim


@pytest.mark.parametrize("grade", WEAK + STRONG)
def test_the_verb_of_a_grade_passes_its_own_gate(grade):
    sentence = f"The contract {evidence(grade=grade).relation} leaving"
    assert refuse_causal_claim(sentence, grade=grade) == sentence
    assert evidence(grade=grade).identifies_cause is (grade in STRONG)
    assert grade in GRADES


def test_an_unknown_grade_is_refused():
    with pytest.raises(OptionError, match="no design grade named 'experimental'; did you mean 'experiment'"):
        evidence(grade="experimental")


@pytest.mark.parametrize(("used", "given_rows"), [(8, 7), (-1, 7)])
def test_impossible_counts_are_refused(used, given_rows):
    with pytest.raises(DesignError, match=f"{used} of {given_rows} customers used cannot be"):
        evidence(n_used=used, n_given=given_rows)


def test_the_line_under_a_figure():
    assert evidence().line() == "Design grade: association. All 7 customers used."
    full = evidence(n_used=990, n_given=1000, source="IBM Telco.", checks=(check(False), check(True)))
    assert full.line() == (
        "Design grade: association. 990 of 1,000 customers used (10 left out). 1 check(s) FAILED. "
        "Source: IBM Telco."
    )
    assert full.failed == (check(False),)


@pytest.mark.parametrize(
    ("passed", "line"),
    [
        (True, "hazards: passed. p = 0.2."),
        (False, "hazards: FAILED. p = 0.2. Stratify."),
        (None, "hazards: undecided. p = 0.2. Stratify."),
    ],
)
def test_a_check_says_its_verdict(passed, line):
    assert str(check(passed)) == line
    assert str(check(False, remedy="")) == "hazards: FAILED. p = 0.2."


def test_evidence_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        evidence().grade = "experiment"


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("NotFoundError", FileNotFoundError), ("DataError", ValueError), ("ColumnError", KeyError),
        ("OptionError", ValueError), ("DesignError", ValueError), ("DatasetUnavailableError", OSError),
    ],
)  # fmt: skip
def test_errors_are_the_builtin_ones_too_and_read_as_written(name, builtin):
    error = getattr(errors, name)("what, where, what to do")
    assert isinstance(error, errors.CemlabError)
    assert isinstance(error, builtin)
    assert str(error) == "what, where, what to do"
    assert str(getattr(errors, name)()) == name


def test_one_of_names_the_nearest_and_all():
    assert one_of("tabel", ["table", "chair"], what="thing") == (
        "no thing named 'tabel'; did you mean 'table'? There are: table, chair"
    )
    assert one_of("zebra", ["table"], what="thing") == "no thing named 'zebra'; there are: table"
    assert one_of("zebra", [], what="thing") == "no thing named 'zebra'; there are: (none)"


@given(st.text(), st.lists(st.text(max_size=8), max_size=5))
def test_one_of_lists_every_name(value, allowed):
    line = one_of(value, iter(allowed), what="thing")
    assert repr(value) in line
    assert all(name in line for name in allowed)
