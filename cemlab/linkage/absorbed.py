"""Controls that levels of units and periods say already: left out of analyses within, and told."""

from __future__ import annotations

from dataclasses import replace

from cemlab.evidence import Check
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.rungs import controls_within
from cemlab.markup import join_words


def without_absorbed(panel: LinkedPanel) -> LinkedPanel:
    """Return the panel without controls that say nothing within units and periods, and with a check on them.

    Parameters
    ----------
    panel
        As read.

    Returns
    -------
    LinkedPanel
        The same panel where every control says something.
    """
    controls, names, absorbed = controls_within(panel)
    if not absorbed:
        return panel
    told = Check(
        name="controls left out",
        null=f"every control moves within a {panel.unit_name} beyond what all share in a {panel.time_name}",
        passed=None,
        detail=f"Left out, as levels of {panel.unit_name} and {panel.time_name} say it already: "
        f"{join_words(absorbed)}.",
    )
    return replace(panel, controls=controls, control_names=tuple(names), checks=(*panel.checks, told))
