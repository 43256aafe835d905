"""The cluster bootstrap from sums of clusters equals regressions on the rows of the clusters drawn."""

import numpy as np
import pytest
import statsmodels.api as sm

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.cluster_bootstrap import cluster_bootstrap_did, resampled_clusters


def rows(seed=1, n=600, clusters=30):
    rng = np.random.default_rng(seed)
    cluster = np.concatenate([np.arange(clusters), rng.integers(0, clusters, n - clusters)])
    treated, after = cluster % 2, rng.integers(0, 2, n)
    level = rng.normal(size=clusters)[cluster] + rng.normal(size=clusters)[cluster] * after
    return 100 + level + 0.4 * treated * after + rng.normal(size=n), treated, after, cluster


def refit(y, treated, after, keep):
    design = np.column_stack([np.ones(len(y)), treated, after, treated * after])
    return sm.OLS(y[keep], design[keep]).fit().params[3]


def test_every_replication_is_a_regression_on_the_rows_of_its_clusters():
    y, treated, after, cluster = rows()
    found = cluster_bootstrap_did(y, treated=treated, after=after, cluster=cluster, draws=25, seed=3)
    drawn = resampled_clusters(30, draws=25, seed=3)
    expected = [refit(y, treated, after, np.repeat(np.arange(600), counts[cluster])) for counts in drawn]
    # both are sums of 600 numbers of about 100; what is left is their rounding
    assert np.abs(found.replications - expected).max() < 1e-10
    assert abs(found.estimate - refit(y, treated, after, np.arange(600))) < 1e-10


def test_as_many_clusters_are_drawn_as_there_are_whatever_the_size_of_a_block():
    # more than one block of 65,536 clusters, and the last not full
    drawn = resampled_clusters(1000, draws=150, seed=5)
    assert drawn.shape == (150, 1000)
    assert (drawn.sum(axis=1) == 1000).all()
    assert np.array_equal(drawn, resampled_clusters(1000, draws=150, seed=5))
    assert not np.array_equal(drawn, resampled_clusters(1000, draws=150, seed=6))
    # each stands 150 times on average, with a standard deviation of sqrt(150); five of them among a thousand
    assert np.abs(drawn.sum(axis=0) - 150).max() < 5 * np.sqrt(150)


def test_the_spread_of_the_replications_is_the_clustered_error():
    y, treated, after, cluster = rows(seed=2, n=6000, clusters=200)
    found = cluster_bootstrap_did(y, treated=treated, after=after, cluster=cluster, draws=2000, seed=1)
    design = np.column_stack([np.ones(len(y)), treated, after, treated * after])
    fit = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    # 2,000 draws tell a standard deviation to 1.6 %, and the two differ by a few per cent at 200 clusters
    assert found.std_error == pytest.approx(fit.bse[3], rel=0.08)
    low, high = found.interval(0.95)
    assert low < found.estimate < high
    assert high - low == pytest.approx(2 * 1.96 * found.std_error, rel=0.08)


def test_a_draw_without_a_cell_is_missing_and_the_rest_stands():
    y = np.arange(8.0)
    found = cluster_bootstrap_did(
        y, treated=[0, 0, 1, 1] * 2, after=[0, 1] * 4, cluster=[0, 0, 1, 1, 0, 0, 1, 1], draws=200, seed=1
    )
    lost = np.isnan(found.replications)
    drawn = resampled_clusters(2, draws=200, seed=1)
    # two clusters, one of them treated: a draw needs both
    assert np.array_equal(lost, (drawn == 0).any(axis=1))
    assert lost.any()
    assert found.std_error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"outcome": [1.0, np.nan, 1, 2]}, DataError, "1 values are missing"),
        ({"treated": [0, 1]}, DataError, "columns of one length"),
        ({"cluster": [0, 0, 2, 2]}, DataError, "without gaps"),
        ({"cluster": [-1, 0, 1, 1]}, DataError, "without gaps"),
        ({"cluster": [0.0, 0, 1, 1]}, DataError, "without gaps"),
        ({"cluster": [0, 0, 0, 0]}, DesignError, "one cluster only"),
        ({"treated": [1, 1, 1, 1]}, DesignError, "a cell is empty"),
        ({"draws": 0}, OptionError, "draws is 0"),
        ({"draws": True}, OptionError, "draws is True"),
        ({"seed": -1}, OptionError, "seed is -1"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(change, error, words):
    given = {
        "outcome": [1.0, 2, 1, 4],
        "treated": [0, 0, 1, 1],
        "after": [0, 1, 0, 1],
        "cluster": [0, 0, 1, 1],
        "draws": 9,
        "seed": 1,
        **change,
    }
    with pytest.raises(error, match=words):
        cluster_bootstrap_did(given.pop("outcome"), **given)
