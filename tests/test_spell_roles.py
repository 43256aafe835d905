"""Spells under roles: who left for another cause, covariates known too late, and what is no frame."""

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab.data.spell_roles import spell_roles
from cemlab.errors import ColumnError, DataError, DesignError, OptionError


def frame():
    return pd.DataFrame(
        {
            "months": [1.0, 2.0, 3.0, 4.0],
            "cause": ["price", "moved", "none", "price"],
            "seen": [0.0, 1.0, 0.0, 2.0],
            "kind": ["a", "b", "a", "b"],
            "told": [np.nan, 0.5, 0.0, 2.0],
        }
    )


def roles(spells, **options):
    return spell_roles(spells, **({"duration": "months", "event": "cause", "entry": "seen"} | options))


def test_those_who_left_for_another_cause_are_told_apart():
    found = roles(frame(), causes=["price"])
    rows = found.table.order_by("t").to_pandas()
    assert rows["e"].tolist() == [True, False, False, True]
    assert rows["o"].tolist() == [False, True, False, False]
    assert found.n_other == 1
    # without causes every one of them is the event
    assert roles(frame()).n_other == 0
    assert not roles(frame()).table.to_pandas()["o"].any()


@pytest.mark.parametrize("hand", [lambda f: f, ibis.memtable])
def test_what_became_known_only_later_is_refused(hand):
    # blank is from the start, and 0.5 and 2 lie before observation began
    assert roles(hand(frame()), covariates=["kind"], known={"kind": "told"}).n_given == 4
    late = frame().assign(told=[0.5, 0.5, 0.0, 2.0])
    with pytest.raises(
        DesignError, match=r"'kind' became known after observation began in 1 of 4 .*immortal"
    ):
        roles(hand(late), covariates=["kind"], known={"kind": "told"})


@pytest.mark.parametrize(
    ("spells", "options", "error", "message"),
    [
        (frame().to_dict("list"), {}, DataError, "spells: a dict is no table; hand in a pandas.DataFrame"),
        ([], {}, DataError, "spells: a list is no table"),
        (frame().assign(months=pd.to_timedelta([1, 2, 3, 4], unit="D")), {}, DataError, "plain numbers"),
        (frame().assign(seen=pd.to_timedelta([0, 1, 0, 2], unit="D")), {}, DataError, "plain numbers"),
        (
            frame().assign(months=pd.Series(list(pd.to_timedelta([1, 2, 3, 4], unit="D")), dtype=object)),
            {},
            DataError,
            "plain numbers",
        ),
        (
            pd.concat([frame(), frame()[["months"]]], axis=1),
            {},
            ColumnError,
            "2 columns are named 'months'",
        ),
        (frame(), {"known": {"kind": "told"}}, OptionError, "no covariate"),
        (frame(), {"covariates": ["kind"], "known": {"kind": "tell"}}, ColumnError, "no column named 'tell'"),
        (frame(), {"covariates": ["kind"], "known": {"kind": "cause"}}, DataError, "must be a number"),
        (frame(), {"covariates": 3}, OptionError, "give a list of columns"),
    ],
)
def test_misuse_is_refused_by_name(spells, options, error, message):
    with pytest.raises(error, match=message):
        roles(spells, **options)
