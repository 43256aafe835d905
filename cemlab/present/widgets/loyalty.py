"""Who counts as loyal, and under which economy: the excess moves with the definition, or it does not."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from cemlab import loyalty
from cemlab.chart import Chart
from cemlab.loyalty import BrandPanel, Decomposition, StationaryMarket
from cemlab.loyalty.switching import UNITS
from cemlab.markup import points
from cemlab.present.widgets.controls import slider
from cemlab.present.widgets.explorer import Explorer


def loyalty_explorer(
    panel: BrandPanel,
    *,
    null: StationaryMarket,
    brand: str,
    decomposition: Decomposition | None = None,
    market_change: float = 1.0,
    conf_level: float = 0.95,
) -> Explorer:
    """Return sliders for who is loyal and for the economy, above observed, expected and excess.

    Each move calls :func:`cemlab.loyalty.excess` and, where there is a decomposition,
    :meth:`cemlab.loyalty.Decomposition.scenario`; both work on counts, so that a move takes as long for a
    million households as for a thousand.

    Parameters
    ----------
    panel, null, brand, market_change, conf_level
        As for :func:`cemlab.loyalty.excess`.
    decomposition
        From :func:`cemlab.loyalty.decompose`; without one there is no slider for the economy.

    Returns
    -------
    Explorer
        With the controls ``threshold`` [share], ``least`` [purchases] and ``macro`` [unit of the indicator,
        from the level of the placebo years].
    """
    controls = [
        slider("threshold", label="Loyal from", low=0.5, high=1.0, step=0.05, value=0.7, percent=True),
        slider("least", label="Fewest purchases", low=1, high=12, step=1, value=1, unit="a year"),
    ]
    if decomposition is not None:
        low, high = decomposition.macro_range
        step = (high - low) / 20
        controls.append(
            slider(
                "macro",
                label="Economy, from usual",
                low=round(low, 6),
                high=round(high, 6),
                step=round(step, 6),
                value=round(min(max(0.0, low), high), 6),
                unit=UNITS[decomposition.switching.indicator],
            )
        )

    def show(threshold: float, least: int, macro: float | None = None) -> tuple[Chart, str]:
        found = loyalty.excess(
            panel,
            null=null,
            brand=brand,
            threshold=threshold,
            least=least,
            market_change=market_change,
            conf_level=conf_level,
        )
        if decomposition is None or macro is None:
            return found.chart, found.narrative()
        return _with_scenario(found.chart, found.narrative(), decomposition, macro)

    return Explorer(controls=controls, show=show)


def _with_scenario(
    chart: Chart, sentence: str, decomposition: Decomposition, macro: float
) -> tuple[Chart, str]:
    """Set the excess to be expected under an economy beside what was observed."""
    expected = decomposition.scenario(macro=macro)
    estimate, low, high = (float(end) for end in expected)
    unit = UNITS[decomposition.switching.indicator]
    name = "excess to expect in the economy set above"
    row = pd.DataFrame([{chart.x: name, "estimate": estimate, "conf_low": low, "conf_high": high}])
    told = (
        f"{sentence} With the economy {macro:+.3g} {unit} from its usual level goes an excess of "
        f"{points(estimate)} ({100 * low:+.1f} to {100 * high:+.1f}), for the loyal as the decomposition "
        "counts them; an extrapolated association, no forecast."
    )
    frame = pd.concat([chart.frame, row], ignore_index=True)
    return replace(chart, frame=frame), told
