"""Critical values against published ones and R, and the coverage of whole curves."""

import numpy as np
import pytest

from cemlab.errors import DesignError, OptionError
from cemlab.stats.confidence_bands import (
    equal_precision_critical,
    hall_wellner_critical,
    simultaneous_band,
)
from cemlab.stats.lifetable import life_table
from tests.curve_reference import values


@pytest.mark.parametrize(("level", "printed"), [(0.90, 1.2238), (0.95, 1.3581), (0.99, 1.6276)])
def test_the_whole_bridge_has_kolmogorovs_limits(level, printed):
    assert hall_wellner_critical(0, 1, conf_level=level) == pytest.approx(printed, abs=5e-5)  # four decimals


def test_a_range_of_the_bridge_as_tabulated():
    # Klein & Moeschberger (2003), table C.4, a_L = 0.10, a_U = 0.60, 95 %: four decimals
    assert hall_wellner_critical(0.1, 0.6) == pytest.approx(1.3211, abs=5e-5)


def test_corridors_of_the_bridge_by_integration():
    them = values("bands")
    for start, stop, width, inside in zip(
        them["hw_from"], them["hw_to"], them["hw_width"], them["hw_inside"], strict=True
    ):
        # the reference's integrals are exact to 1e-9
        assert hall_wellner_critical(start, stop, conf_level=inside) == pytest.approx(width, abs=1e-7)


def test_corridors_of_equal_precision_by_the_heat_equation():
    them = values("bands")
    for ratio, width, inside in zip(them["ep_ratio"], them["ep_width"], them["ep_inside"], strict=True):
        # the reference solves on a grid: four figures
        assert equal_precision_critical(ratio, conf_level=inside) == pytest.approx(width, abs=2e-3)


def test_the_shortest_range_is_nearly_one_time():
    assert 1.96 < equal_precision_critical(1.0) < 2.0
    assert hall_wellner_critical(0.5, 0.5) == pytest.approx(1.96 * 0.5, abs=0.03)


def test_a_longer_range_and_a_higher_level_ask_for_more():
    ratios = [equal_precision_critical(r) for r in (1.0, 1.2, 3, 50, 1e6)]
    levels = [equal_precision_critical(9, conf_level=c) for c in (0.5, 0.8, 0.95, 0.999)]
    assert (np.diff(ratios) > 0).all()
    assert (np.diff(levels) > 0).all()


def held(band, table, truth, last):
    """Whether the curve exp(-t / 20) lies inside: it falls while the band is level, up to the next time."""
    known = table.time <= last
    time, low, high = table.time[known], band.conf_low[known], band.conf_high[known]
    ahead = np.append(time[1:], last)
    return bool((truth(time) <= high).all() and (truth(ahead) >= low).all())


@pytest.mark.parametrize("kind", ["equal precision", "hall-wellner"])
@pytest.mark.parametrize("late", [False, True])
def test_bands_hold_the_whole_curve(kind, late):
    rng = np.random.default_rng(21)
    inside = 0
    for _ in range(200):
        lived, watched = rng.exponential(20, 400), rng.uniform(5, 60, 400)
        entry = np.where(rng.random(400) < 0.6, rng.uniform(0, 25, 400), 0.0) * late
        end = np.minimum(lived, watched)
        seen = end > entry
        table = life_table(
            end[seen], event=(lived <= watched)[seen], entry=entry[seen], n=np.ones(seen.sum(), dtype=int)
        )
        band = simultaneous_band(table, n=int(seen.sum()), kind=kind)
        inside += held(band, table, lambda t: np.exp(-t / 20), band.last)
    # 190 expected, standard deviation 3.1; with some hundred spells bands cover 93 % and more, which is 186:
    # four standard deviations of 3.6 below that
    assert inside >= 172


def test_the_band_is_wider_than_the_intervals_and_goes_on_beyond_its_range():
    table = life_table(np.arange(1, 101), event=np.ones(100, dtype=bool), n=np.ones(100, dtype=int))
    band = simultaneous_band(table, n=100)
    assert (band.first, band.last) == (10, 91)
    within = (table.time >= band.first) & (table.time <= band.last)
    assert (band.conf_low[within] < table.conf_low[within]).all()
    assert (band.conf_high[within] > table.conf_high[within]).all()
    np.testing.assert_array_equal(band.conf_high[:9], 1)
    np.testing.assert_array_equal(band.conf_low[:9], band.conf_low[9])
    np.testing.assert_array_equal(band.conf_low[91:], 0)
    np.testing.assert_array_equal(band.conf_high[91:], band.conf_high[90])


def test_equal_precision_is_one_factor_of_the_pointwise_interval():
    table = life_table(np.arange(1, 101), event=np.ones(100, dtype=bool), n=np.ones(100, dtype=int))
    band = simultaneous_band(table, n=100)
    row = 50
    ends = [np.log(-np.log(values[row])) for values in (band.conf_low, band.conf_high)]
    points = [np.log(-np.log(values[row])) for values in (table.conf_low, table.conf_high)]
    assert np.ptp(ends) / np.ptp(points) == pytest.approx(band.critical / 1.959963984540054, rel=1e-9)


def test_refusals():
    few = life_table([1, 2, 3], event=[1, 1, 0], n=[2, 2, 9])
    with pytest.raises(DesignError, match="not 10 left while as many remained"):
        simultaneous_band(few, n=13)
    with pytest.raises(DesignError, match="nobody left while others remained"):
        simultaneous_band(life_table([1, 2], event=[0, 0], n=[5, 5]), n=10, kind="hall-wellner")
    with pytest.raises(OptionError, match="no band named 'nair'"):
        simultaneous_band(few, n=13, kind="nair")
    with pytest.raises(OptionError, match="first must lie before last"):
        simultaneous_band(few, n=13, first=3, last=1)
    with pytest.raises(OptionError, match=r"ratio is 0\.5"):
        equal_precision_critical(0.5)
    with pytest.raises(OptionError, match=r"the range is 0\.6 to 0\.2"):
        hall_wellner_critical(0.6, 0.2)
