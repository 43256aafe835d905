"""The contract's tables of what is done to customers, of rivals and of the time around them."""

from __future__ import annotations

from cemlab.data.columns import CUSTOMER, DATE, Table, column

__all__ = ["MARKET"]

#: Messages and offers, fees, rival brands, the economy and the calendar, in the order of the contract.
MARKET = (
    *(
        Table(
            name=name,
            row=row,
            key=("customer", "date"),
            columns=(
                CUSTOMER,
                DATE,
                column("kind", "text", "kind of message or offer"),
                column("treated", "flag", "sent, as against held back"),
                column("response", "flag", "answered or accepted"),
                column("cost", "money", "cost of the message or offer"),
            ),
        )
        for name, row in (
            ("campaigns", "a customer in a campaign"),
            ("contact_log", "a message, sent or held back"),
            ("save_offers", "a customer considered for a save offer"),
        )
    ),
    Table(
        name="fees",
        row="a fee that fell due",
        key=("customer", "date"),
        columns=(
            CUSTOMER,
            DATE,
            column("kind", "text", "what the fee is for"),
            column("amount", "money", "fee that fell due, charged or not", required=True),
            column("charged", "flag", "charged, as against waived", required=True),
        ),
    ),
    Table(
        name="competitor_ratings",
        row="a rating of a brand",
        key=("respondent", "brand"),
        columns=(
            column("respondent", "id", "the respondent's identifier", required=True),
            column("brand", "text", "brand rated", required=True),
            column("date", "date", "day the rating was given"),
            column("quality", "number", "quality, 1 to 10", scale=(1, 10)),
            column("price", "number", "price, 1 to 10", scale=(1, 10)),
            column("range", "number", "range, 1 to 10", scale=(1, 10)),
            column("value_for_money", "number", "value for money, 1 to 10", scale=(1, 10)),
            column("buys_now", "flag", "buys the brand now"),
            column("buys_next", "flag", "bought the brand next"),
        ),
    ),
    Table(
        name="macro",
        row="a month of the economy",
        key=("month",),
        unique=True,
        columns=(
            column("month", "date", "first day of the month", required=True),
            column("unemployment", "share", "unemployment rate"),
            column("confidence", "number", "consumer confidence, index"),
        ),
    ),
    Table(
        name="calendar",
        row="a day",
        key=("date",),
        unique=True,
        columns=(
            DATE,
            column("holiday", "text", "name of the holiday; blank on other days"),
            column("public_event", "text", "name of the public event; blank on other days"),
        ),
    ),
)
