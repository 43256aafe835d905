"""Every planted truth as a field of a frozen class, with its value, its unit and the place where it acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _truth(value: Any, unit: str, where: str) -> Any:
    """Return a field whose value is a planted truth, with its unit and where it acts."""
    return field(default=value, metadata={"unit": unit, "where": where})


@dataclass(frozen=True, kw_only=True)
class Network:
    """Branches, the people in them, their training, and the experience they make."""

    branches: int = _truth(60, "branches", "branches")
    staff: int = _truth(900, "posts", "employees")
    regions: int = _truth(8, "regions; two of them never train", "branches.region")
    affluence_experience: float = _truth(0.60, "SD of experience per SD of affluence", "branch_month.cx")
    affluence_basket: float = _truth(
        0.09, "log revenue of a purchase per SD of affluence", "transactions.revenue"
    )
    branch_sd: float = _truth(0.50, "SD of experience between equally affluent branches", "branch_month.cx")
    month_sd: float = _truth(0.25, "SD of a branch's passing ups and downs, AR(0.5)", "branch_month.cx")
    measurement_sd: float = _truth(
        0.20, "SD of the error in a branch-month's score; √2 times that in each half", "branch_month.cx"
    )
    waves: tuple[int, ...] = _truth(
        (13, 19, 25), "month, from 0, in which a wave is trained", "training.date"
    )
    branches_per_wave: tuple[int, ...] = _truth((14, 14, 12), "branches of each wave", "training.wave")
    selection_on_level: float = _truth(
        0.5, "pull of a low level of experience on the order of training", "training.wave"
    )
    selection_trend: float = _truth(
        0.0, "SD of experience a month that trained branches improve anyhow", "branch_month.cx"
    )
    effect_months: tuple[int, ...] = _truth((1, 3, 6), "months since the training", "branch_month.cx")
    effect: tuple[float, ...] = _truth(
        (0.10, 0.20, 0.25),
        "SD then: of experience per share of the staff trained, of a contact with the person trained",
        "branch_month.cx, contacts.mean_affect",
    )
    effect_by_wave: tuple[float, ...] = _truth(
        (1.3, 1.0, 0.7), "multiple of the effect in each wave", "branch_month.cx"
    )
    spill_over: float = _truth(
        0.15, "share of the mean effect in a region that reaches its untrained branches", "branch_month.cx"
    )
    handle_time: float = _truth(
        0.06, "relative change of handling time by training", "contacts.handle_seconds"
    )
    first_contact: float = _truth(0.04, "change of the share of contacts resolved", "contacts.resolved")
    leaving: float = _truth(0.02, "share of staff that leaves in a month", "employees.left")
    leaving_per_engagement: float = _truth(0.80, "hazard ratio per SD of engagement", "employees.left")
    engagement_person_sd: float = _truth(
        0.74, "SD of engagement between persons, over all their months", "engagement.score"
    )
    engagement_memory: float = _truth(
        0.40, "share of a departure from a person's usual engagement left next month", "engagement.score"
    )
    engagement_month_sd: float = _truth(
        0.60, "SD of what is new in a person's engagement each month", "engagement.score"
    )
    engagement_experience: float = _truth(
        0.20, "SD of experience per SD of engagement, same month", "engagement.score, branch_month.cx"
    )
    experience_engagement: float = _truth(
        0.10, "SD of engagement per SD of the branch's experience, next month", "engagement.score"
    )
    skill_sd: float = _truth(
        0.35, "SD of a contact between employees, training and engagement apart", "contacts.mean_affect"
    )
    discretion_training: float = _truth(
        0.20, "relative change of the training's effect per SD of discretion", "employees.discretion"
    )


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """Why and when customers leave."""

    competitor: float = _truth(
        0.012, "hazard a month, plan Flex, average experience, given the frailty", "subscriptions.exit"
    )
    price: float = _truth(0.004, "hazard a month, plan Flex", "subscriptions.exit")
    moved: float = _truth(0.003, "hazard a month, households", "subscriptions.exit")
    deceased: float = _truth(0.0006, "hazard a month, households", "subscriptions.exit")
    experience: float = _truth(
        0.80, "hazard ratio per SD of experience, competitor, given the frailty", "subscriptions.cause"
    )
    experience_price: float = _truth(0.90, "hazard ratio per SD of experience, price", "subscriptions.cause")
    experience_else: float = _truth(
        1.0, "hazard ratio per SD of experience, moved, deceased", "subscriptions.cause"
    )
    plans: tuple[float, ...] = _truth(
        (1.0, 0.75, 0.55),
        "hazard ratio of Flex, Plus, Partner; competitor (given the frailty) and price",
        "subscriptions.plan",
    )
    moved_professional: float = _truth(
        2.0, "hazard ratio, professionals against households", "customers.type"
    )
    deceased_senior: float = _truth(6.0, "hazard ratio, seniors against households", "customers.type")
    comparison_site: float = _truth(
        1.40,
        "hazard ratio of those won on a comparison site, competitor, given the frailty",
        "customers.acquisition_channel",
    )
    frailty_variance: float = _truth(
        0.5, "variance of the gamma frailty at joining, competitor", "subscriptions.exit"
    )
    onboarding: float = _truth(
        0.80,
        "hazard ratio in months 1 to 3 of the contract, competitor and price, given the frailty",
        "campaigns, kind onboarding",
    )
    onboarding_months: int = _truth(3, "months from joining in which it acts", "campaigns, kind onboarding")
    late_share: float = _truth(
        0.50, "share of the customers who joined before the data start", "customers.joined"
    )
    late_tenure: float = _truth(
        36.0,
        "months, mean of those customers' tenure at the start, an exponential one, before truncation at 120",
        "customers.joined",
    )
    taste_sd: float = _truth(
        0.5, "SD of experience between customers of a branch, for good", "surveys, subscriptions.exit"
    )
    mood_sd: float = _truth(
        0.4, "SD of experience between the months of a customer", "surveys, subscriptions.exit"
    )
    recession_competitor: float = _truth(
        1.15, "hazard ratio in the recession, competitor, given the frailty", "subscriptions.exit"
    )
    recession_price: float = _truth(1.60, "hazard ratio in the recession, price", "subscriptions.exit")
    episode_rate: float = _truth(
        0.012,
        "onsets a month of each customer's one episode, from joining or the start of the data; half think of "
        "leaving, half grumble; a third of the customers have one in the data",
        "subscriptions.exit",
    )
    episode_months: int = _truth(6, "months such an episode lasts", "subscriptions.exit")
    episode_ratio: tuple[float, ...] = _truth(
        (6.0, 3.0),
        "hazard ratio while thinking of leaving, while grumbling; competitor (given the frailty) and price",
        "subscriptions.exit",
    )
    save_considered: tuple[float, ...] = _truth(
        (0.7, 0.95, 0.85),
        "share considered of those with consent: who think of leaving, who grumble, of the others",
        "save_offers",
    )
    save_accepted: tuple[float, ...] = _truth(
        (0.2, 0.6, 0.6), "share that accepts an offer; high, middle, low risk", "save_offers.response"
    )
    save_points: tuple[float, ...] = _truth(
        (0.0, -0.06, 0.02),
        "change, by being offered, of the share that leaves within six months; high, middle, low risk",
        "save_offers",
    )


@dataclass(frozen=True, kw_only=True)
class Buying:
    """How much customers buy."""

    rate: float = _truth(0.9, "purchases a month, mean over customers", "transactions")
    rate_shape: float = _truth(1.4, "shape of the gamma distribution of rates", "transactions")
    experience: float = _truth(0.07, "log purchase rate per SD of experience, at the average", "transactions")
    experience_curve: float = _truth(
        0.5,
        "log change of that slope per SD of experience: at E it is experience * exp(this * E); behaviour is "
        "convex and never falls as experience rises",
        "transactions",
    )
    recession: float = _truth(0.93, "multiple of the purchase rate in the recession", "transactions")
    season: float = _truth(0.15, "log purchase rate, half the yearly swing; December is high", "transactions")
    really_change: float = _truth(0.04, "share of customers whose rate really changes", "transactions")
    change_to: tuple[float, ...] = _truth((0.25, 2.5), "multiple of the rate after a change", "transactions")
    basket: float = _truth(
        480.0, "EUR, geometric mean of the revenue of a purchase, average affluence", "transactions.revenue"
    )
    basket_sd: float = _truth(
        0.6, "SD of log revenue of a purchase, over all categories", "transactions.revenue"
    )
    margin: float = _truth(0.58, "margin as a share of revenue, mean", "transactions.margin")
    # Campaigns: retain, cross-sell, referral, cheaper channel, in this order.
    campaign_response: tuple[float, ...] = _truth(
        (0.10, 0.06, 0.03, 0.12), "share that responds without the campaign, median customer", "campaigns"
    )
    campaign_response_rate: float = _truth(
        0.25, "log odds of that per unit of log purchase rate: heavy buyers respond anyhow", "campaigns"
    )
    campaign_uplift: tuple[float, ...] = _truth(
        (0.04, 0.05, 0.02, 0.08), "change of that share; household, get it done, Flex or Plus", "campaigns"
    )
    campaign_uplift_type: tuple[tuple[float, ...], ...] = _truth(
        ((0.0, 0.0, -0.06, 0.03), (0.0, 0.03, -0.02, 0.0), (0.0, 0.01, 0.01, -0.03), (0.0, 0.04, -0.12, 0.0)),
        "what household, family, senior, professional add to the change",
        "campaigns, customers.type",
    )
    campaign_uplift_objective: tuple[tuple[float, ...], ...] = _truth(
        ((0.0, -0.02, 0.05), (0.0, 0.05, -0.07), (0.0, 0.02, 0.0), (0.0, -0.06, 0.04)),
        "what get it done, get advice, get it cheap add to the change",
        "campaigns, customers.objective",
    )
    campaign_uplift_partner: tuple[float, ...] = _truth(
        (-0.03, 0.02, 0.04, 0.0), "what the plan Partner adds to the change", "campaigns, subscriptions.plan"
    )


@dataclass(frozen=True, kw_only=True)
class Service:
    """Contacts, what is felt in them, and what is said afterwards."""

    contacts: float = _truth(
        0.12, "contacts a month and customer, average experience, those that come back apart", "contacts"
    )
    contacts_experience: float = _truth(-0.15, "log contact rate per SD of experience", "contacts")
    enquiry: float = _truth(
        0.60, "share of those who think of leaving that ask how to cancel", "contacts.reason"
    )
    false_alarms: float = _truth(0.05, "share of ordinary contacts with that same reason", "contacts.reason")
    contact_experience: float = _truth(
        0.50, "SD of satisfaction with a contact per SD of the customer's experience", "contacts.mean_affect"
    )
    resolved: float = _truth(
        0.72,
        "share of contacts resolved by the untrained, mean over reasons and channels",
        "contacts.resolved",
    )
    resolved_discretion: float = _truth(
        0.02, "change of the share resolved per SD of discretion", "contacts.resolved"
    )
    unresolved: float = _truth(
        -0.60, "SD of the feeling at the end of a contact that resolves nothing", "contacts.end"
    )
    comes_back: float = _truth(
        0.45,
        "share of unresolved contacts after which one comes back within 14 days, for three times at most",
        "contacts.time, contacts.reason",
    )
    complaint: float = _truth(
        -0.80, "SD of satisfaction in a complaint; complaints seek a person", "contacts.reason, channel"
    )
    human: float = _truth(0.40, "SD of satisfaction by a human answer", "contacts.channel, surveys.csat")
    wait: float = _truth(-0.02, "SD of satisfaction per minute of perceived waiting", "contacts")
    callback: float = _truth(0.55, "perceived as a multiple of actual waiting, with a callback", "contacts")
    no_callback: float = _truth(1.36, "perceived as a multiple of actual waiting, else", "contacts")
    listening: float = _truth(
        0.10, "SD of satisfaction per minute of listening, at first", "contacts.listen_seconds"
    )
    listening_discretion: float = _truth(
        0.30,
        "log odds of the share of handling time spent listening per SD of discretion",
        "contacts.listen_seconds",
    )
    peak: float = _truth(0.45, "weight of the peak in the memory", "contacts.peak, surveys.csat")
    end: float = _truth(0.45, "weight of the end in the memory", "contacts.end, surveys.csat")
    mean: float = _truth(0.10, "weight of the mean in the memory", "contacts.mean_affect, surveys.csat")
    length: float = _truth(0.0, "weight of the duration in the memory", "contacts.duration, surveys.csat")
    channels_before: float = _truth(
        2.0, "1 + Poisson: mean of further channels a journey", "journeys.channels"
    )
    channels_after: float = _truth(
        3.0, "1 + negative binomial: mean of further channels", "journeys.channels"
    )
    channels_shape: float = _truth(1.6, "its shape", "journeys.channels")
    channels_change: int = _truth(24, "month, from 0, from which the second holds", "journeys.channels")
    billing: tuple[float, float] = _truth(
        (-0.60, 0.10),
        "SD of satisfaction per SD of the gap below and above expectation",
        "touchpoint_ratings",
    )
    store: tuple[float, float] = _truth((-0.10, 0.40), "the same", "touchpoint_ratings")
    other_touchpoints: tuple[float, float] = _truth(
        (-0.15, 0.15), "the same, each of the other touchpoints: as much either way", "touchpoint_ratings"
    )
    intent: float = _truth(
        0.35, "rate r in intention = 1 − exp(−r (SD of satisfaction + 4)): concave", "surveys.intent"
    )
    response_extremes: float = _truth(
        0.35, "log odds of answering per squared SD of satisfaction", "surveys.responded"
    )
    response_holidays: float = _truth(
        0.60,
        "multiple of the share that answers, 7 days either side of Easter, Midsummer, Christmas",
        "surveys, contact_log",
    )
    messages_limit: int = _truth(
        3, "messages sent a month that do no harm; the log is of 2024 only", "contact_log"
    )
    fatigue: float = _truth(
        0.50, "multiple of the response to messages beyond the limit", "contact_log.response"
    )
    message_response: float = _truth(
        0.08,
        "share of messages sent that is answered, within the limit, off the feasts",
        "contact_log.response",
    )


@dataclass(frozen=True, kw_only=True)
class Market:
    """The household panel, rival brands, shopping styles."""

    shares: tuple[float, ...] = _truth(
        (0.28, 0.20, 0.20, 0.12, 0.12, 0.08), "shares of the brands", "category_purchases"
    )
    purchases: float = _truth(6.0, "purchases a year and household, mean", "category_purchases")
    purchases_shape: float = _truth(1.5, "shape of the gamma distribution of rates", "category_purchases")
    switching: float = _truth(1.2, "sum of the Dirichlet parameters", "category_purchases")
    excess: float = _truth(
        0.06, "share of loyal households that really defect in the recession", "category_purchases"
    )
    respondents: float = _truth(
        0.50, "share of the households that rate brands, a third of them in each wave", "competitor_ratings"
    )
    quality: tuple[float, ...] = _truth(
        (7.0, 5.8, 8.2, 6.0, 5.2, 5.7),
        "mean rating of each brand, before the scale ends",
        "competitor_ratings",
    )
    price: tuple[float, ...] = _truth(
        (5.9, 8.3, 5.6, 5.5, 6.4, 5.2), "the same; high is a price that pleases", "competitor_ratings"
    )
    range: tuple[float, ...] = _truth((6.2, 6.8, 7.4, 6.5, 5.3, 5.7), "the same", "competitor_ratings")
    value_weights: tuple[float, ...] = _truth(
        (0.4, 0.4, 0.2),
        "weight of quality, price and range in value for money; two rivals get 7.0 = 112 % of the mean",
        "competitor_ratings.value_for_money",
    )
    liking: float = _truth(
        1.5, "points on every rating per unit of the household's own share of the brand", "competitor_ratings"
    )
    generosity: float = _truth(
        0.6, "SD between respondents, the same for every brand and rating", "competitor_ratings"
    )
    rating_sd: float = _truth(1.0, "SD of what is the rating's own", "competitor_ratings")
    value_sd: float = _truth(0.8, "SD of what no rating explains", "competitor_ratings.value_for_money")
    mix_messages: int = _truth(480, "messages sent whose mix was read", "message_mix, side sent")
    mix_asked: float = _truth(
        0.028, "share of the customers asked what they want, each for three situations", "message_mix, wanted"
    )
    mix_channel_shares: tuple[float, ...] = _truth(
        (0.35, 0.25, 0.15, 0.25), "shares of e-mail, app, letter, branch", "message_mix.channel, side sent"
    )
    mix_phase_shares: tuple[float, ...] = _truth(
        (0.20, 0.20, 0.25, 0.35), "shares of discover, compare, buy, stay", "message_mix.phase, side sent"
    )
    mix_base: tuple[float, ...] = _truth(
        (0.15, 0.05, -0.20),
        "centred log-ratios of cognitive, affective, conative; mean over channels and phases, both sides",
        "message_mix",
    )
    mix_channel: tuple[tuple[float, ...], ...] = _truth(
        ((0.20, -0.20, 0.0), (-0.10, -0.20, 0.30), (0.20, 0.10, -0.30), (-0.30, 0.30, 0.0)),
        "what e-mail, app, letter, branch add to them, both sides",
        "message_mix.channel",
    )
    mix_phase: tuple[tuple[float, ...], ...] = _truth(
        ((-0.10, 0.40, -0.30), (0.50, -0.20, -0.30), (-0.20, -0.30, 0.50), (-0.20, 0.10, 0.10)),
        "what discover, compare, buy, stay add to them, both sides",
        "message_mix.phase",
    )
    mix_missed: tuple[tuple[str, str, tuple[float, ...]], ...] = _truth(
        (
            ("e-mail", "stay", (-0.40, -0.30, 0.70)),
            ("app", "discover", (0.0, -0.50, 0.50)),
            ("letter", "compare", (-0.50, 0.50, 0.0)),
            ("branch", "buy", (0.40, 0.10, -0.50)),
        ),
        "what is added to them in these cells to what is sent and not to what is wanted",
        "message_mix, side sent",
    )
    mix_objective: tuple[tuple[float, ...], ...] = _truth(
        ((-0.25, -0.05, 0.30), (0.45, 0.0, -0.45), (-0.15, 0.05, 0.10)),
        "what get it done, get advice, get it cheap add to what is wanted; over all customers nought to 0.01",
        "message_mix, wanted; customers.objective",
    )
    mix_sent_sd: float = _truth(
        0.35, "SD between messages of a cell, in each direction of log-ratios", "message_mix, side sent"
    )
    mix_person_sd: float = _truth(0.30, "the same between customers", "message_mix, wanted")
    mix_wanted_sd: float = _truth(0.40, "the same between a customer's situations", "message_mix, wanted")
    style_respondents: float = _truth(0.10, "share of the customers that answer", "style_survey")
    styles: int = _truth(8, "shopping styles behind 40 items", "style_survey")
    style_loading: float = _truth(0.70, "loading of an item on its style", "style_survey")
    style_correlation: float = _truth(0.15, "correlation between any two styles", "style_survey")
