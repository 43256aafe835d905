"""The worlds of Halden: what is planted in each.

A world is data. What differs between worlds differs here and nowhere else; no code asks for a world's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from cemlab.errors import OptionError, one_of
from cemlab.simulate.truths import Buying, Leaving, Network, Service
from cemlab.simulate.truths_market import Market


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that is planted in one simulated company.

    Parameters
    ----------
    name
        How the world is called.
    about
        What is different in it, one sentence.
    recession
        First month of the recession, from 0; it lasts to the end of the data. None where there is none.
    network, leaving, buying, service, market
        The planted truths, by the part of the company in which they act.

    Examples
    --------
    >>> WORLDS["default"].leaving.experience
    0.8
    """

    name: str
    about: str
    recession: int | None = 36
    network: Network = field(default_factory=Network)
    leaving: Leaving = field(default_factory=Leaving)
    buying: Buying = field(default_factory=Buying)
    service: Service = field(default_factory=Service)
    market: Market = field(default_factory=Market)

    def truths(self) -> Iterator[tuple[str, Any, str, str]]:
        """Yield name, value, unit and place of every planted truth."""
        yield "recession", self.recession, "first month of the recession, from 0", "macro"
        for part in ("network", "leaving", "buying", "service", "market"):
            for entry in fields(getattr(self, part)):
                value = getattr(getattr(self, part), entry.name)
                yield f"{part}.{entry.name}", value, entry.metadata["unit"], entry.metadata["where"]


_DEFAULT = World(name="default", about="Everything acts that is planted.")
_CALM = replace(
    _DEFAULT.leaving,
    competitor=0.0,
    price=0.0,
    moved=0.0,
    deceased=0.0,
    late_share=1.0,
    save_points=(0.0, 0.0, 0.0),
    fee_points=0.0,
    # What multiplies a hazard of nothing, or meets nobody, says so.
    experience=1.0,
    experience_price=1.0,
    plans=(1.0, 1.0, 1.0),
    comparison_site=1.0,
    moved_professional=1.0,
    deceased_senior=1.0,
    frailty_variance=0.0,
    onboarding=1.0,
    recession_competitor=1.0,
    recession_price=1.0,
    episode_rate=0.0,
    episode_ratio=(1.0, 1.0),
)

#: The worlds by name.
WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        _DEFAULT,
        replace(
            _DEFAULT,
            name="no-effect",
            about="Training does nothing at all, and costs what it costs; fees drive nobody away.",
            leaving=replace(_DEFAULT.leaving, fee_points=0.0),
            network=replace(
                _DEFAULT.network,
                effect=(0.0, 0.0, 0.0),
                handle_time=0.0,
                first_contact=0.0,
            ),
        ),
        replace(
            _DEFAULT,
            name="selection-on-trend",
            about="Branches were trained because they were improving already; no claim of cause may pass.",
            network=replace(_DEFAULT.network, selection_trend=0.02, selection_on_level=0.0),
        ),
        replace(
            _DEFAULT,
            name="no-recession",
            about="The economy stays as it was.",
            recession=None,
            leaving=replace(_DEFAULT.leaving, recession_competitor=1.0, recession_price=1.0),
            buying=replace(_DEFAULT.buying, recession=1.0),
        ),
        replace(
            _DEFAULT,
            name="stationary",
            about="Nobody leaves and nobody changes: all apparent defection is arithmetic.",
            recession=None,
            leaving=_CALM,
            buying=replace(
                _DEFAULT.buying,
                experience=0.0,
                experience_curve=0.0,
                recession=1.0,
                season=0.0,
                really_change=0.0,
            ),
            market=replace(_DEFAULT.market, excess=0.0),
        ),
    )
}


def world(name: str) -> World:
    """Return a world by name.

    Raises
    ------
    OptionError
        If there is no such world; the line lists those there are.

    Examples
    --------
    >>> world("no-recession").recession is None
    True
    """
    if name not in WORLDS:
        raise OptionError(one_of(name, WORLDS, what="world"))
    return WORLDS[name]
