"""The data contract: the one place that names a table or a column.

One row is one thing, stated for every table. Times are timezone-free business dates unless a
column says otherwise; money is DECIMAL in the one currency of the company.
"""

from __future__ import annotations

from cemlab.data.columns import CUSTOMER, DATE, FORMS, Column, Form, Table, column
from cemlab.data.contract_inputs import GOAL_KINDS, INPUTS
from cemlab.data.contract_market import MARKET
from cemlab.errors import NotFoundError, one_of

__all__ = ["CAUSES", "FORMS", "GOAL_KINDS", "TABLES", "Column", "Form", "Table", "table"]


def table(name: str) -> Table:
    """Return a table of the contract by name.

    Raises
    ------
    NotFoundError
        If the contract has no such table.

    Examples
    --------
    >>> table("transactions").key
    ('customer', 'date')
    """
    if name not in TABLES:
        raise NotFoundError(one_of(name, TABLES, what="table in the data contract"))
    return TABLES[name]


_EMPLOYEE = column("employee", "id", "the employee's identifier", required=True)
_BRANCH = column("branch", "id", "the branch's identifier")

#: Why a customer left: ``none`` for a spell that goes on, ``unknown`` where the reason was not recorded.
CAUSES = ("none", "competitor", "price", "moved", "deceased", "unknown")

_ALL = (
    Table(
        name="customers",
        row="a customer",
        key=("customer",),
        unique=True,
        columns=(
            CUSTOMER,
            column("branch", "id", "home branch"),
            column("joined", "date", "first day as a customer"),
            column("observed_from", "date", "first day on which leaving would have been seen (late entry)"),
            column("region", "text", "region"),
            column("type", "text", "kind of customer"),
            column("objective", "text", "what the customer wants to achieve"),
            column("acquisition_channel", "text", "how the customer was won"),
            column("consent", "flag", "may be sent messages"),
            column("potential_value", "money", "margin a year that could be won"),
        ),
    ),
    Table(
        name="subscriptions",
        row="a contract spell of a customer",
        key=("customer",),
        any_of=(("entry",), ("duration",)),
        ordered=("entry", "exit"),
        columns=(
            CUSTOMER,
            column("plan", "text", "the contract's name"),
            column("entry", "date", "first day of the spell"),
            column("exit", "date", "day the spell ended; blank while it goes on"),
            column(
                "duration",
                "number",
                "length of the spell so far, in the company's unit of duration",
                scale=(0, None),
            ),
            column(
                "observed_after",
                "number",
                "length already reached when observation began (late entry)",
                scale=(0, None),
            ),
            column("cause", "text", "why the spell ended", required=True, allowed=CAUSES),
        ),
    ),
    Table(
        name="transactions",
        row="a purchase line",
        key=("customer", "date"),
        columns=(
            CUSTOMER,
            DATE,
            column("order", "id", "the order or receipt the line belongs to"),
            column("category", "text", "product category"),
            column("channel", "text", "where it was bought"),
            column("units", "integer", "pieces bought"),
            column("revenue", "money", "revenue of the line", required=True),
            column("margin", "money", "contribution margin of the line"),
        ),
    ),
    Table(
        name="category_purchases",
        row="a panel purchase of any brand",
        key=("customer", "date"),
        columns=(
            CUSTOMER,
            DATE,
            column("category", "text", "product category", required=True),
            column("brand", "text", "brand bought", required=True),
            column("units", "integer", "pieces bought"),
        ),
    ),
    Table(
        name="contacts",
        row="a service contact",
        key=("contact",),
        unique=True,
        columns=(
            column("contact", "id", "the contact's identifier", required=True),
            column("customer", "id", "the customer's identifier", required=True),
            column("employee", "id", "who served"),
            column("time", "time", "when the contact began", required=True),
            column("channel", "text", "telephone, chat, branch …"),
            column("reason", "text", "why the customer made contact"),
            column("wait_seconds", "number", "waiting time, seconds", scale=(0, None)),
            column(
                "perceived_wait_seconds",
                "number",
                "waiting time as the customer felt it, seconds",
                scale=(0, None),
            ),
            column("handle_seconds", "number", "handling time, seconds", scale=(0, None)),
            column("listen_seconds", "number", "time the employee listened, seconds", scale=(0, None)),
            column("callback", "flag", "served by a call back"),
            column("resolved", "flag", "resolved in this contact"),
            column("peak", "number", "strongest feeling during the contact, standard deviations"),
            column("end", "number", "feeling at its end, standard deviations"),
            column("mean_affect", "number", "mean feeling, standard deviations"),
            column("duration", "number", "length as lived by the customer, seconds", scale=(0, None)),
        ),
    ),
    Table(
        name="journeys",
        row="a customer's journey",
        key=("journey",),
        unique=True,
        columns=(
            column("journey", "id", "the journey's identifier", required=True),
            CUSTOMER,
            DATE,
            column("objective", "text", "what the customer wanted to achieve"),
            column("channels", "integer", "channels used on the journey", required=True, scale=(1, None)),
        ),
    ),
    Table(
        name="surveys",
        row="a questionnaire sent",
        key=("customer",),
        columns=(
            CUSTOMER,
            column("contact", "id", "the contact it asks about"),
            column("date", "date", "day it was sent"),
            column("responded", "flag", "whether it came back", required=True),
            column("nps", "integer", "likelihood to recommend, 0 to 10", scale=(0, 10)),
            column("csat", "integer", "satisfaction, 1 to 5", scale=(1, 5)),
            column("ces", "integer", "customer effort, 1 to 7", scale=(1, 7)),
            column("value_for_money", "number", "value for money, 1 to 10", scale=(1, 10)),
            column("intent", "number", "intention to stay, 0 to 1", scale=(0, 1)),
            column("weight", "number", "survey weight; blank counts as not weighted", scale=(0, None)),
        ),
    ),
    Table(
        name="touchpoint_ratings",
        row="a rated touchpoint",
        key=("customer", "touchpoint"),
        columns=(
            CUSTOMER,
            column("date", "date", "business date"),
            column("touchpoint", "text", "what was rated", required=True),
            column("expected", "number", "rating expected"),
            column("experienced", "number", "rating given", required=True),
            column("stated_importance", "number", "importance as stated"),
        ),
    ),
    Table(
        name="style_survey",
        row="a respondent to the shopping-style questionnaire",
        key=("customer",),
        unique=True,
        columns=(CUSTOMER,),
    ),
    Table(
        name="message_mix",
        row="a message as it was sent, or as a customer would have wanted it",
        key=("mix",),
        unique=True,
        columns=(
            column("mix", "id", "the row's identifier", required=True),
            column("customer", "id", "who wanted it; blank for a message sent"),
            column("side", "text", "which of the two it is", required=True, allowed=("sent", "wanted")),
            column("channel", "text", "the message's channel", required=True),
            column("phase", "text", "phase of the customer's journey", required=True),
            column("cognitive", "share", "share that makes one know; the three sum to 1"),
            column("affective", "share", "share that makes one feel"),
            column("conative", "share", "share that makes one do something"),
        ),
    ),
    Table(
        name="catalogue",
        row="a product",
        key=("product",),
        unique=True,
        columns=(column("product", "id", "the product's identifier", required=True),),
    ),
    Table(
        name="employees",
        row="a person employed",
        key=("employee",),
        unique=True,
        ordered=("hired", "left"),
        columns=(
            _EMPLOYEE,
            _BRANCH,
            column("hired", "date", "first day", required=True),
            column("left", "date", "last day; blank while employed"),
            column("role", "text", "role"),
            column("pay", "money", "pay a month"),
            column("discretion", "number", "freedom to decide, standard deviations"),
        ),
    ),
    Table(
        name="engagement",
        row="a person-month",
        key=("employee", "month"),
        unique=True,
        columns=(
            _EMPLOYEE,
            column("month", "date", "first day of the month", required=True),
            column("score", "number", "engagement, standard deviations", required=True),
            column("workload", "number", "customers served a working day, of all kinds"),
        ),
    ),
    Table(
        name="training",
        row="a person trained",
        key=("employee", "date"),
        columns=(
            _EMPLOYEE,
            _BRANCH,
            column("wave", "integer", "wave of the roll-out"),
            DATE,
            column("direct_cost", "money", "cost of the course"),
            column("backfill_hours", "number", "hours covered by others", scale=(0, None)),
            column("level_1", "number", "reaction, 1 to 5", scale=(1, 5)),
            column("level_2", "number", "learning, share of test items right"),
            column("level_3", "number", "behaviour on the job, share of standards met"),
            column("level_4", "number", "result as recorded, money"),
        ),
    ),
    Table(
        name="branches",
        row="a branch",
        key=("branch",),
        unique=True,
        columns=(
            column("branch", "id", "the branch's identifier", required=True),
            column("format", "text", "kind of branch"),
            column("region", "text", "region"),
            column("conformance", "share", "share of service standards met"),
        ),
    ),
    Table(
        name="branch_month",
        row="a branch-month",
        key=("branch", "month"),
        unique=True,
        columns=(
            column("branch", "id", "the branch's identifier", required=True),
            column("month", "date", "first day of the month", required=True),
            column("revenue", "money", "revenue of the month"),
            column("cost", "money", "cost of the month"),
            column("profit", "money", "profit of the month"),
            column("cx", "number", "experience score, standard deviations"),
            column("cx_a", "number", "experience score from one half of the interviews, standard deviations"),
            column("cx_b", "number", "experience score from the other half, standard deviations"),
            column("turnover", "share", "share of staff who left"),
            column("headcount", "number", "people employed", scale=(0, None)),
        ),
    ),
    *MARKET,
    *INPUTS,
)

#: All tables of the contract, by name.
TABLES: dict[str, Table] = {t.name: t for t in _ALL}
