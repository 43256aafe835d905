"""The data contract: the one place that names a table or a column.

One row is one thing, stated for every table. Times are timezone-free business dates unless a
column says otherwise; money is DECIMAL in the one currency of the company.
"""

from __future__ import annotations

from cemlab.data.columns import FORMS, Column, Form, Table
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


def _c(
    name: str,
    form: Form,
    about: str,
    *,
    required: bool = False,
    allowed: tuple[str, ...] = (),
    scale: tuple[int, int | None] | None = None,
) -> Column:
    return Column(name=name, form=form, about=about, required=required, allowed=allowed, scale=scale)


_CUSTOMER = _c("customer", "id", "the customer's identifier", required=True)
_EMPLOYEE = _c("employee", "id", "the employee's identifier", required=True)
_BRANCH = _c("branch", "id", "the branch's identifier")
_DATE = _c("date", "date", "business date", required=True)

#: Why a customer left: ``none`` for a spell that goes on, ``unknown`` where the reason was not recorded.
CAUSES = ("none", "competitor", "price", "moved", "deceased", "unknown")

#: The levels of the tree of goals, from the top.
GOAL_KINDS = ("mission", "goal", "strategy", "action")

_GOAL_TREE = (
    _c("parent", "text", "the entry it serves; blank at the top"),
    _c("kind", "text", "level of the entry in the tree", allowed=GOAL_KINDS),
    _c("metric", "text", "what is measured"),
)

# What a link of the lever map can lead from and to.
_LINKED = ("lever", "behaviour", "metric")

_ALL = (
    Table(
        name="customers",
        row="a customer",
        key=("customer",),
        unique=True,
        columns=(
            _CUSTOMER,
            _c("branch", "id", "home branch"),
            _c("joined", "date", "first day as a customer"),
            _c("observed_from", "date", "first day on which leaving would have been seen (late entry)"),
            _c("region", "text", "region"),
            _c("type", "text", "kind of customer"),
            _c("objective", "text", "what the customer wants to achieve"),
            _c("acquisition_channel", "text", "how the customer was won"),
            _c("consent", "flag", "may be sent messages"),
            _c("potential_value", "money", "margin a year that could be won"),
        ),
    ),
    Table(
        name="subscriptions",
        row="a contract spell of a customer",
        key=("customer",),
        any_of=(("entry",), ("duration",)),
        ordered=("entry", "exit"),
        columns=(
            _CUSTOMER,
            _c("plan", "text", "the contract's name"),
            _c("entry", "date", "first day of the spell"),
            _c("exit", "date", "day the spell ended; blank while it goes on"),
            _c(
                "duration",
                "number",
                "length of the spell so far, in the company's unit of duration",
                scale=(0, None),
            ),
            _c(
                "observed_after",
                "number",
                "length already reached when observation began (late entry)",
                scale=(0, None),
            ),
            _c("cause", "text", "why the spell ended", required=True, allowed=CAUSES),
        ),
    ),
    Table(
        name="transactions",
        row="a purchase line",
        key=("customer", "date"),
        columns=(
            _CUSTOMER,
            _DATE,
            _c("order", "id", "the order or receipt the line belongs to"),
            _c("category", "text", "product category"),
            _c("channel", "text", "where it was bought"),
            _c("units", "integer", "pieces bought"),
            _c("revenue", "money", "revenue of the line", required=True),
            _c("margin", "money", "contribution margin of the line"),
        ),
    ),
    Table(
        name="category_purchases",
        row="a panel purchase of any brand",
        key=("customer", "date"),
        columns=(
            _CUSTOMER,
            _DATE,
            _c("category", "text", "product category", required=True),
            _c("brand", "text", "brand bought", required=True),
            _c("units", "integer", "pieces bought"),
        ),
    ),
    Table(
        name="contacts",
        row="a service contact",
        key=("contact",),
        unique=True,
        columns=(
            _c("contact", "id", "the contact's identifier", required=True),
            _c("customer", "id", "the customer's identifier", required=True),
            _c("employee", "id", "who served"),
            _c("time", "time", "when the contact began", required=True),
            _c("channel", "text", "telephone, chat, branch …"),
            _c("reason", "text", "why the customer made contact"),
            _c("wait_seconds", "number", "waiting time, seconds", scale=(0, None)),
            _c(
                "perceived_wait_seconds",
                "number",
                "waiting time as the customer felt it, seconds",
                scale=(0, None),
            ),
            _c("handle_seconds", "number", "handling time, seconds", scale=(0, None)),
            _c("listen_seconds", "number", "time the employee listened, seconds", scale=(0, None)),
            _c("callback", "flag", "served by a call back"),
            _c("resolved", "flag", "resolved in this contact"),
            _c("peak", "number", "strongest feeling during the contact, standard deviations"),
            _c("end", "number", "feeling at its end, standard deviations"),
            _c("mean_affect", "number", "mean feeling, standard deviations"),
            _c("duration", "number", "length as lived by the customer, seconds", scale=(0, None)),
        ),
    ),
    Table(
        name="journeys",
        row="a customer's journey",
        key=("journey",),
        unique=True,
        columns=(
            _c("journey", "id", "the journey's identifier", required=True),
            _CUSTOMER,
            _DATE,
            _c("objective", "text", "what the customer wanted to achieve"),
            _c("channels", "integer", "channels used on the journey", required=True, scale=(1, None)),
        ),
    ),
    Table(
        name="surveys",
        row="a questionnaire sent",
        key=("customer",),
        columns=(
            _CUSTOMER,
            _c("contact", "id", "the contact it asks about"),
            _c("date", "date", "day it was sent"),
            _c("responded", "flag", "whether it came back", required=True),
            _c("nps", "integer", "likelihood to recommend, 0 to 10", scale=(0, 10)),
            _c("csat", "integer", "satisfaction, 1 to 5", scale=(1, 5)),
            _c("ces", "integer", "customer effort, 1 to 7", scale=(1, 7)),
            _c("value_for_money", "number", "value for money, 1 to 10", scale=(1, 10)),
            _c("intent", "number", "intention to stay, 0 to 1", scale=(0, 1)),
            _c("weight", "number", "survey weight; blank counts as not weighted", scale=(0, None)),
        ),
    ),
    Table(
        name="touchpoint_ratings",
        row="a rated touchpoint",
        key=("customer", "touchpoint"),
        columns=(
            _CUSTOMER,
            _c("date", "date", "business date"),
            _c("touchpoint", "text", "what was rated", required=True),
            _c("expected", "number", "rating expected"),
            _c("experienced", "number", "rating given", required=True),
            _c("stated_importance", "number", "importance as stated"),
        ),
    ),
    Table(
        name="style_survey",
        row="a respondent to the shopping-style questionnaire",
        key=("customer",),
        unique=True,
        columns=(_CUSTOMER,),
    ),
    Table(
        name="message_mix",
        row="a message as it was sent, or as a customer would have wanted it",
        key=("mix",),
        unique=True,
        columns=(
            _c("mix", "id", "the row's identifier", required=True),
            _c("customer", "id", "who wanted it; blank for a message sent"),
            _c("side", "text", "which of the two it is", required=True, allowed=("sent", "wanted")),
            _c("channel", "text", "the message's channel", required=True),
            _c("phase", "text", "phase of the customer's journey", required=True),
            _c("cognitive", "share", "share that makes one know; the three sum to 1"),
            _c("affective", "share", "share that makes one feel"),
            _c("conative", "share", "share that makes one do something"),
        ),
    ),
    Table(
        name="catalogue",
        row="a product",
        key=("product",),
        unique=True,
        columns=(_c("product", "id", "the product's identifier", required=True),),
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
            _c("hired", "date", "first day", required=True),
            _c("left", "date", "last day; blank while employed"),
            _c("role", "text", "role"),
            _c("pay", "money", "pay a month"),
            _c("discretion", "number", "freedom to decide, standard deviations"),
        ),
    ),
    Table(
        name="engagement",
        row="a person-month",
        key=("employee", "month"),
        unique=True,
        columns=(
            _EMPLOYEE,
            _c("month", "date", "first day of the month", required=True),
            _c("score", "number", "engagement, standard deviations", required=True),
            _c("workload", "number", "customers served a working day, of all kinds"),
        ),
    ),
    Table(
        name="training",
        row="a person trained",
        key=("employee", "date"),
        columns=(
            _EMPLOYEE,
            _BRANCH,
            _c("wave", "integer", "wave of the roll-out"),
            _DATE,
            _c("direct_cost", "money", "cost of the course"),
            _c("backfill_hours", "number", "hours covered by others", scale=(0, None)),
            _c("level_1", "number", "reaction, 1 to 5", scale=(1, 5)),
            _c("level_2", "number", "learning, share of test items right"),
            _c("level_3", "number", "behaviour on the job, share of standards met"),
            _c("level_4", "number", "result as recorded, money"),
        ),
    ),
    Table(
        name="branches",
        row="a branch",
        key=("branch",),
        unique=True,
        columns=(
            _c("branch", "id", "the branch's identifier", required=True),
            _c("format", "text", "kind of branch"),
            _c("region", "text", "region"),
            _c("conformance", "share", "share of service standards met"),
        ),
    ),
    Table(
        name="branch_month",
        row="a branch-month",
        key=("branch", "month"),
        unique=True,
        columns=(
            _c("branch", "id", "the branch's identifier", required=True),
            _c("month", "date", "first day of the month", required=True),
            _c("revenue", "money", "revenue of the month"),
            _c("cost", "money", "cost of the month"),
            _c("profit", "money", "profit of the month"),
            _c("cx", "number", "experience score, standard deviations"),
            _c("cx_a", "number", "experience score from one half of the interviews, standard deviations"),
            _c("cx_b", "number", "experience score from the other half, standard deviations"),
            _c("turnover", "share", "share of staff who left"),
            _c("headcount", "number", "people employed", scale=(0, None)),
        ),
    ),
    *(
        Table(
            name=name,
            row=row,
            key=("customer", "date"),
            columns=(
                _CUSTOMER,
                _DATE,
                _c("kind", "text", "kind of message or offer"),
                _c("treated", "flag", "sent, as against held back"),
                _c("response", "flag", "answered or accepted"),
                _c("cost", "money", "cost of the message or offer"),
            ),
        )
        for name, row in (
            ("campaigns", "a customer in a campaign"),
            ("contact_log", "a message, sent or held back"),
            ("save_offers", "a customer considered for a save offer"),
        )
    ),
    Table(
        name="competitor_ratings",
        row="a rating of a brand",
        key=("respondent", "brand"),
        columns=(
            _c("respondent", "id", "the respondent's identifier", required=True),
            _c("brand", "text", "brand rated", required=True),
            _c("date", "date", "day the rating was given"),
            _c("quality", "number", "quality, 1 to 10", scale=(1, 10)),
            _c("price", "number", "price, 1 to 10", scale=(1, 10)),
            _c("range", "number", "range, 1 to 10", scale=(1, 10)),
            _c("value_for_money", "number", "value for money, 1 to 10", scale=(1, 10)),
            _c("buys_now", "flag", "buys the brand now"),
            _c("buys_next", "flag", "bought the brand next"),
        ),
    ),
    Table(
        name="macro",
        row="a month of the economy",
        key=("month",),
        unique=True,
        columns=(
            _c("month", "date", "first day of the month", required=True),
            _c("unemployment", "share", "unemployment rate"),
            _c("confidence", "number", "consumer confidence, index"),
        ),
    ),
    Table(
        name="calendar",
        row="a day",
        key=("date",),
        unique=True,
        columns=(
            _DATE,
            _c("holiday", "text", "name of the holiday; blank on other days"),
            _c("public_event", "text", "name of the public event; blank on other days"),
        ),
    ),
    Table(
        name="levers",
        row="a link: how much one thing moves for a unit of another",
        key=("from", "to"),
        unique=True,
        columns=(
            _c("from", "text", "what moves the other", required=True),
            _c("from_kind", "text", "what it is", required=True, allowed=_LINKED),
            _c("to", "text", "what is moved", required=True),
            _c("to_kind", "text", "what it is", required=True, allowed=_LINKED),
            _c("low", "number", "lowest plausible elasticity", required=True),
            _c("mode", "number", "most plausible elasticity", required=True),
            _c("high", "number", "highest plausible elasticity", required=True),
            _c("unit", "text", "units of `to` per unit of `from`"),
            _c("source", "text", "where the values come from"),
            _c("grade", "text", "design grade of the source, or assumption", required=True),
            _c("lagged", "flag", "works in the next period: a feedback, drawn and not multiplied"),
        ),
    ),
    *(
        Table(
            name=name,
            row=row,
            key=("item",),
            unique=True,
            columns=(
                _c("item", "text", "what the entry is", required=True),
                _c("low", "number", "lowest plausible value"),
                _c("mode", "number", "most plausible value"),
                _c("high", "number", "highest plausible value"),
                _c("unit", "text", "unit of the three values"),
                _c("source", "text", "where the values come from"),
                _c("owner", "text", "who answers for it"),
                _c("date", "date", "when it was stated"),
                *further,
            ),
        )
        for name, row, further in (
            ("costs", "a cost item", ()),
            ("goals", "a goal", _GOAL_TREE),
            ("opportunities", "an opportunity not taken", ()),
            ("ledger", "an assumption", ()),
        )
    ),
)

#: All tables of the contract, by name.
TABLES: dict[str, Table] = {t.name: t for t in _ALL}
