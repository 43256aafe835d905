"""Every planted truth of the market, of messages and of shopping styles; see the truths of the company."""

from __future__ import annotations

from dataclasses import dataclass

from cemlab.simulate.planted import truth


@dataclass(frozen=True, kw_only=True)
class Market:
    """The household panel, rival brands, shopping styles."""

    shares: tuple[float, ...] = truth(
        (0.28, 0.20, 0.20, 0.12, 0.12, 0.08), "shares of the brands", "category_purchases"
    )
    purchases: float = truth(6.0, "purchases a year and household, mean", "category_purchases")
    purchases_shape: float = truth(1.5, "shape of the gamma distribution of rates", "category_purchases")
    switching: float = truth(1.2, "sum of the Dirichlet parameters", "category_purchases")
    excess: float = truth(
        0.06, "share of loyal households that really defect in the recession", "category_purchases"
    )
    respondents: float = truth(
        0.50, "share of the households that rate brands, a third of them in each wave", "competitor_ratings"
    )
    quality: tuple[float, ...] = truth(
        (7.0, 5.8, 8.2, 6.0, 5.2, 5.7),
        "mean rating of each brand, before the scale ends",
        "competitor_ratings",
    )
    price: tuple[float, ...] = truth(
        (5.9, 8.3, 5.6, 5.5, 6.4, 5.2), "the same; high is a price that pleases", "competitor_ratings"
    )
    range: tuple[float, ...] = truth((6.2, 6.8, 7.4, 6.5, 5.3, 5.7), "the same", "competitor_ratings")
    value_weights: tuple[float, ...] = truth(
        (0.4, 0.4, 0.2),
        "weight of quality, price and range in value for money; two rivals get 7.0 = 112 % of the mean",
        "competitor_ratings.value_for_money",
    )
    liking: float = truth(
        1.5, "points on every rating per unit of the household's own share of the brand", "competitor_ratings"
    )
    generosity: float = truth(
        0.6, "SD between respondents, the same for every brand and rating", "competitor_ratings"
    )
    rating_sd: float = truth(1.0, "SD of what is the rating's own", "competitor_ratings")
    value_sd: float = truth(0.8, "SD of what no rating explains", "competitor_ratings.value_for_money")
    mix_messages: int = truth(480, "messages sent whose mix was read", "message_mix, side sent")
    mix_asked: float = truth(
        0.028, "share of the customers asked what they want, each for three situations", "message_mix, wanted"
    )
    mix_channel_shares: tuple[float, ...] = truth(
        (0.35, 0.25, 0.15, 0.25), "shares of e-mail, app, letter, branch", "message_mix.channel, side sent"
    )
    mix_phase_shares: tuple[float, ...] = truth(
        (0.20, 0.20, 0.25, 0.35), "shares of discover, compare, buy, stay", "message_mix.phase, side sent"
    )
    mix_base: tuple[float, ...] = truth(
        (0.15, 0.05, -0.20),
        "centred log-ratios of cognitive, affective, conative; mean over channels and phases, both sides",
        "message_mix",
    )
    mix_channel: tuple[tuple[float, ...], ...] = truth(
        ((0.20, -0.20, 0.0), (-0.10, -0.20, 0.30), (0.20, 0.10, -0.30), (-0.30, 0.30, 0.0)),
        "what e-mail, app, letter, branch add to them, both sides",
        "message_mix.channel",
    )
    mix_phase: tuple[tuple[float, ...], ...] = truth(
        ((-0.10, 0.40, -0.30), (0.50, -0.20, -0.30), (-0.20, -0.30, 0.50), (-0.20, 0.10, 0.10)),
        "what discover, compare, buy, stay add to them, both sides",
        "message_mix.phase",
    )
    mix_missed: tuple[tuple[str, str, tuple[float, ...]], ...] = truth(
        (
            ("e-mail", "stay", (-0.40, -0.30, 0.70)),
            ("app", "discover", (0.0, -0.50, 0.50)),
            ("letter", "compare", (-0.50, 0.50, 0.0)),
            ("branch", "buy", (0.40, 0.10, -0.50)),
        ),
        "what is added to them in these cells to what is sent and not to what is wanted",
        "message_mix, side sent",
    )
    mix_objective: tuple[tuple[float, ...], ...] = truth(
        ((-0.25, -0.05, 0.30), (0.45, 0.0, -0.45), (-0.15, 0.05, 0.10)),
        "what get it done, get advice, get it cheap add to what is wanted; over all customers nought to 0.01",
        "message_mix, wanted; customers.objective",
    )
    mix_sent_sd: float = truth(
        0.35, "SD between messages of a cell, in each direction of log-ratios", "message_mix, side sent"
    )
    mix_person_sd: float = truth(0.30, "the same between customers", "message_mix, wanted")
    mix_wanted_sd: float = truth(0.40, "the same between a customer's situations", "message_mix, wanted")
    style_respondents: float = truth(0.10, "share of the customers that answer", "style_survey")
    styles: int = truth(8, "shopping styles behind 40 items", "style_survey")
    style_loading: float = truth(0.70, "loading of an item on its style", "style_survey")
    style_correlation: float = truth(0.15, "correlation between any two styles", "style_survey")
