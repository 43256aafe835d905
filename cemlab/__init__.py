"""cemlab: a Jupyter research workbench for Customer Experience Management.

The public names; each is imported when it is first used, so ``import cemlab`` itself costs nothing.

>>> import cemlab
>>> company = cemlab.Company.open(cemlab.places.bundled("data") / "small")
>>> sorted(company.tables)
['customers', 'subscriptions', 'transactions']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cemlab import business_case as business_case
    from cemlab import errors as errors
    from cemlab import goals as goals
    from cemlab import loyalty as loyalty
    from cemlab import places as places
    from cemlab import saves as saves
    from cemlab import segmentation as segmentation
    from cemlab import simulate as simulate
    from cemlab import survival as survival
    from cemlab import training as training
    from cemlab.chart import Chart as Chart
    from cemlab.chart import set_plotting_backend as set_plotting_backend
    from cemlab.data import counts as counts
    from cemlab.data import datasets as datasets
    from cemlab.data.company import Company as Company
    from cemlab.evidence import Evidence as Evidence
    from cemlab.marking import check as check
    from cemlab.present.what_can_run import what_can_run as what_can_run
    from cemlab.result import Result as Result

# public name → (module, name in it); None stands for the module itself
_HOMES: dict[str, tuple[str, str | None]] = {
    "Chart": ("cemlab.chart", "Chart"),
    "Company": ("cemlab.data.company", "Company"),
    "Evidence": ("cemlab.evidence", "Evidence"),
    "Result": ("cemlab.result", "Result"),
    "business_case": ("cemlab.business_case", None),
    "check": ("cemlab.marking", "check"),
    "counts": ("cemlab.data.counts", None),
    "datasets": ("cemlab.data.datasets", None),
    "errors": ("cemlab.errors", None),
    "goals": ("cemlab.goals", None),
    "loyalty": ("cemlab.loyalty", None),
    "places": ("cemlab.places", None),
    "saves": ("cemlab.saves", None),
    "segmentation": ("cemlab.segmentation", None),
    "set_plotting_backend": ("cemlab.chart", "set_plotting_backend"),
    "simulate": ("cemlab.simulate", None),
    "survival": ("cemlab.survival", None),
    "training": ("cemlab.training", None),
    "what_can_run": ("cemlab.present.what_can_run", "what_can_run"),
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # costs more than all the rest of this module

        return version("cemlab")
    if name not in _HOMES:
        raise AttributeError(f"module 'cemlab' has no attribute {name!r}; there are: {', '.join(__all__)}")
    module, attribute = _HOMES[name]
    home = import_module(module)
    return home if attribute is None else getattr(home, attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
