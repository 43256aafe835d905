"""The panel of branches and months: books, experience and service counted exactly, and when training came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibis import _

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company


def branch_panel(company: Company) -> pd.DataFrame:
    """Return one row a branch and month, from tables that each are counted once on the engine.

    Parameters
    ----------
    company
        With ``branch_month`` and ``training``; ``branches`` adds region and format.

    Returns
    -------
    pandas.DataFrame
        branch, month, first_trained (first day of the month in which the branch's first person was trained;
        missing where nobody was), what branch_month holds (money as numbers), and of branches region, format
        and conformance.
    """
    import pandas as pd

    trained = company.table("training").group_by("branch").agg(first_trained=_.date.min().truncate("M"))
    books = company.table("branch_month")
    panel = books.left_join(trained, "branch").select(books, trained.first_trained).to_pandas()
    if "branches" in company.tables:
        panel = panel.merge(company.table("branches").to_pandas(), on="branch", how="left")
    for name in ("revenue", "cost", "profit"):
        if name in panel:
            panel[name] = panel[name].astype(float)
    panel["month"] = pd.to_datetime(panel["month"])
    panel["first_trained"] = pd.to_datetime(panel["first_trained"])
    ordered: pd.DataFrame = panel.sort_values(["branch", "month"], ignore_index=True)
    return ordered
