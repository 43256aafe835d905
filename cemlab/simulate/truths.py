"""Every planted truth as a field of a frozen class, with its value, its unit and the place where it acts."""

from __future__ import annotations

from dataclasses import dataclass

from cemlab.simulate.planted import truth


@dataclass(frozen=True, kw_only=True)
class Network:
    """Branches, the people in them, their training, and the experience they make."""

    branches: int = truth(60, "branches", "branches")
    staff: int = truth(900, "posts", "employees")
    regions: int = truth(8, "regions; two of them never train", "branches.region")
    affluence_experience: float = truth(0.60, "SD of experience per SD of affluence", "branch_month.cx")
    affluence_basket: float = truth(
        0.09, "log revenue of a purchase per SD of affluence", "transactions.revenue"
    )
    branch_sd: float = truth(0.50, "SD of experience between equally affluent branches", "branch_month.cx")
    month_sd: float = truth(0.25, "SD of a branch's passing ups and downs, AR(0.5)", "branch_month.cx")
    measurement_sd: float = truth(
        0.20, "SD of the error in a branch-month's score; √2 times that in each half", "branch_month.cx"
    )
    waves: tuple[int, ...] = truth((13, 19, 25), "month, from 0, in which a wave is trained", "training.date")
    branches_per_wave: tuple[int, ...] = truth((14, 14, 12), "branches of each wave", "training.wave")
    selection_on_level: float = truth(
        0.5, "pull of a low level of experience on the order of training", "training.wave"
    )
    selection_trend: float = truth(
        0.0, "SD of experience a month that trained branches improve anyhow", "branch_month.cx"
    )
    effect_months: tuple[int, ...] = truth((1, 3, 6), "months since the training", "branch_month.cx")
    effect: tuple[float, ...] = truth(
        (0.10, 0.20, 0.25),
        "SD then: of experience per share of the staff trained, of a contact with the person trained",
        "branch_month.cx, contacts.mean_affect",
    )
    effect_by_wave: tuple[float, ...] = truth(
        (1.3, 1.0, 0.7), "multiple of the effect in each wave", "branch_month.cx"
    )
    spill_over: float = truth(
        0.15, "share of the mean effect in a region that reaches its untrained branches", "branch_month.cx"
    )
    handle_time: float = truth(
        0.06, "relative change of handling time by training", "contacts.handle_seconds"
    )
    first_contact: float = truth(0.04, "change of the share of contacts resolved", "contacts.resolved")
    leaving: float = truth(0.02, "share of staff that leaves in a month", "employees.left")
    leaving_per_engagement: float = truth(0.80, "hazard ratio per SD of engagement", "employees.left")
    engagement_person_sd: float = truth(
        0.74, "SD of engagement between persons, over all their months", "engagement.score"
    )
    engagement_memory: float = truth(
        0.40, "share of a departure from a person's usual engagement left next month", "engagement.score"
    )
    engagement_month_sd: float = truth(
        0.60, "SD of what is new in a person's engagement each month", "engagement.score"
    )
    engagement_experience: float = truth(
        0.20, "SD of experience per SD of engagement, same month", "engagement.score, branch_month.cx"
    )
    experience_engagement: float = truth(
        0.10, "SD of engagement per SD of the branch's experience, next month", "engagement.score"
    )
    skill_sd: float = truth(
        0.35, "SD of a contact between employees, training and engagement apart", "contacts.mean_affect"
    )
    discretion_training: float = truth(
        0.20, "relative change of the training's effect per SD of discretion", "employees.discretion"
    )


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """Why and when customers leave."""

    competitor: float = truth(
        0.012, "hazard a month, plan Flex, average experience, given the frailty", "subscriptions.exit"
    )
    price: float = truth(0.004, "hazard a month, plan Flex", "subscriptions.exit")
    moved: float = truth(0.003, "hazard a month, households", "subscriptions.exit")
    deceased: float = truth(0.0006, "hazard a month, households", "subscriptions.exit")
    experience: float = truth(
        0.80, "hazard ratio per SD of experience, competitor, given the frailty", "subscriptions.cause"
    )
    experience_price: float = truth(0.90, "hazard ratio per SD of experience, price", "subscriptions.cause")
    experience_else: float = truth(
        1.0, "hazard ratio per SD of experience, moved, deceased", "subscriptions.cause"
    )
    plans: tuple[float, ...] = truth(
        (1.0, 0.75, 0.55),
        "hazard ratio of Flex, Plus, Partner; competitor (given the frailty) and price",
        "subscriptions.plan",
    )
    moved_professional: float = truth(2.0, "hazard ratio, professionals against households", "customers.type")
    deceased_senior: float = truth(6.0, "hazard ratio, seniors against households", "customers.type")
    comparison_site: float = truth(
        1.40,
        "hazard ratio of those won on a comparison site, competitor, given the frailty",
        "customers.acquisition_channel",
    )
    frailty_variance: float = truth(
        0.5, "variance of the gamma frailty at joining, competitor", "subscriptions.exit"
    )
    onboarding: float = truth(
        0.80,
        "hazard ratio in months 1 to 3 of the contract, competitor and price, given the frailty",
        "campaigns, kind onboarding",
    )
    onboarding_months: int = truth(3, "months from joining in which it acts", "campaigns, kind onboarding")
    late_share: float = truth(
        0.50, "share of the customers who joined before the data start", "customers.joined"
    )
    late_tenure: float = truth(
        36.0,
        "months, mean of those customers' tenure at the start, an exponential one, before truncation at 120",
        "customers.joined",
    )
    taste_sd: float = truth(
        0.5, "SD of experience between customers of a branch, for good", "surveys, subscriptions.exit"
    )
    mood_sd: float = truth(
        0.4, "SD of experience between the months of a customer", "surveys, subscriptions.exit"
    )
    recession_competitor: float = truth(
        1.15, "hazard ratio in the recession, competitor, given the frailty", "subscriptions.exit"
    )
    recession_price: float = truth(1.60, "hazard ratio in the recession, price", "subscriptions.exit")
    episode_rate: float = truth(
        0.012,
        "onsets a month of each customer's one episode, from joining or the start of the data; half think of "
        "leaving, half grumble; a third of the customers have one in the data",
        "subscriptions.exit",
    )
    episode_months: int = truth(6, "months such an episode lasts", "subscriptions.exit")
    episode_ratio: tuple[float, ...] = truth(
        (6.0, 3.0),
        "hazard ratio while thinking of leaving, while grumbling; competitor (given the frailty) and price",
        "subscriptions.exit",
    )
    save_considered: tuple[float, ...] = truth(
        (0.7, 0.95, 0.85),
        "share considered of those with consent: who think of leaving, who grumble, of the others",
        "save_offers",
    )
    save_accepted: tuple[float, ...] = truth(
        (0.2, 0.6, 0.6), "share that accepts an offer; high, middle, low risk", "save_offers.response"
    )
    save_points: tuple[float, ...] = truth(
        (0.0, -0.06, 0.02),
        "change, by being offered, of the share that leaves within six months; high, middle, low risk",
        "save_offers",
    )
    fee_rate: float = truth(
        0.55,
        "overages in months 6 to 41, Flex, mean purchase rate; they go with the rate, the first one counts",
        "fees",
    )
    fee_plans: tuple[float, ...] = truth(
        (0.8, 1.2, 1.8), "multiple of that, Flex, Plus, Partner", "fees, subscriptions.plan"
    )
    fee_points: float = truth(
        0.04, "change, by being charged, of the share that leaves willingly within six months", "fees"
    )


@dataclass(frozen=True, kw_only=True)
class Buying:
    """How much customers buy."""

    rate: float = truth(0.9, "purchases a month, mean over customers", "transactions")
    rate_shape: float = truth(1.4, "shape of the gamma distribution of rates", "transactions")
    experience: float = truth(0.07, "log purchase rate per SD of experience, at the average", "transactions")
    experience_curve: float = truth(
        0.5,
        "log change of that slope per SD of experience: at E it is experience * exp(this * E); behaviour is "
        "convex and never falls as experience rises",
        "transactions",
    )
    recession: float = truth(0.93, "multiple of the purchase rate in the recession", "transactions")
    season: float = truth(0.15, "log purchase rate, half the yearly swing; December is high", "transactions")
    really_change: float = truth(0.04, "share of customers whose rate really changes", "transactions")
    change_to: tuple[float, ...] = truth((0.25, 2.5), "multiple of the rate after a change", "transactions")
    basket: float = truth(
        480.0, "EUR, geometric mean of the revenue of a purchase, average affluence", "transactions.revenue"
    )
    basket_sd: float = truth(
        0.6, "SD of log revenue of a purchase, over all categories", "transactions.revenue"
    )
    margin: float = truth(0.58, "margin as a share of revenue, mean", "transactions.margin")
    # Campaigns: retain, cross-sell, referral, cheaper channel, in this order.
    campaign_response: tuple[float, ...] = truth(
        (0.10, 0.06, 0.03, 0.12), "share that responds without the campaign, median customer", "campaigns"
    )
    campaign_response_rate: float = truth(
        0.25, "log odds of that per unit of log purchase rate: heavy buyers respond anyhow", "campaigns"
    )
    campaign_uplift: tuple[float, ...] = truth(
        (0.04, 0.05, 0.02, 0.08), "change of that share; household, get it done, Flex or Plus", "campaigns"
    )
    campaign_uplift_type: tuple[tuple[float, ...], ...] = truth(
        ((0.0, 0.0, -0.06, 0.03), (0.0, 0.03, -0.02, 0.0), (0.0, 0.01, 0.01, -0.03), (0.0, 0.04, -0.12, 0.0)),
        "what household, family, senior, professional add to the change",
        "campaigns, customers.type",
    )
    campaign_uplift_objective: tuple[tuple[float, ...], ...] = truth(
        ((0.0, -0.02, 0.05), (0.0, 0.05, -0.07), (0.0, 0.02, 0.0), (0.0, -0.06, 0.04)),
        "what get it done, get advice, get it cheap add to the change",
        "campaigns, customers.objective",
    )
    campaign_uplift_partner: tuple[float, ...] = truth(
        (-0.03, 0.02, 0.04, 0.0), "what the plan Partner adds to the change", "campaigns, subscriptions.plan"
    )


@dataclass(frozen=True, kw_only=True)
class Service:
    """Contacts, what is felt in them, and what is said afterwards."""

    contacts: float = truth(
        0.12, "contacts a month and customer, average experience, those that come back apart", "contacts"
    )
    contacts_experience: float = truth(-0.15, "log contact rate per SD of experience", "contacts")
    enquiry: float = truth(
        0.60, "share of those who think of leaving that ask how to cancel", "contacts.reason"
    )
    false_alarms: float = truth(0.05, "share of ordinary contacts with that same reason", "contacts.reason")
    contact_experience: float = truth(
        0.50, "SD of satisfaction with a contact per SD of the customer's experience", "contacts.mean_affect"
    )
    resolved: float = truth(
        0.72,
        "share of contacts resolved by the untrained, mean over reasons and channels",
        "contacts.resolved",
    )
    resolved_discretion: float = truth(
        0.02, "change of the share resolved per SD of discretion", "contacts.resolved"
    )
    unresolved: float = truth(
        -0.60, "SD of the feeling at the end of a contact that resolves nothing", "contacts.end"
    )
    comes_back: float = truth(
        0.45,
        "share of unresolved contacts after which one comes back within 14 days, for three times at most",
        "contacts.time, contacts.reason",
    )
    complaint: float = truth(
        -0.80, "SD of satisfaction in a complaint; complaints seek a person", "contacts.reason, channel"
    )
    human: float = truth(0.40, "SD of satisfaction by a human answer", "contacts.channel, surveys.csat")
    wait: float = truth(-0.02, "SD of satisfaction per minute of perceived waiting", "contacts")
    callback: float = truth(0.55, "perceived as a multiple of actual waiting, with a callback", "contacts")
    no_callback: float = truth(1.36, "perceived as a multiple of actual waiting, else", "contacts")
    listening: float = truth(
        0.10, "SD of satisfaction per minute of listening, at first", "contacts.listen_seconds"
    )
    listening_discretion: float = truth(
        0.30,
        "log odds of the share of handling time spent listening per SD of discretion",
        "contacts.listen_seconds",
    )
    peak: float = truth(0.45, "weight of the peak in the memory", "contacts.peak, surveys.csat")
    end: float = truth(0.45, "weight of the end in the memory", "contacts.end, surveys.csat")
    mean: float = truth(0.10, "weight of the mean in the memory", "contacts.mean_affect, surveys.csat")
    length: float = truth(0.0, "weight of the duration in the memory", "contacts.duration, surveys.csat")
    channels_before: float = truth(
        2.0, "1 + Poisson: mean of further channels a journey", "journeys.channels"
    )
    channels_after: float = truth(3.0, "1 + negative binomial: mean of further channels", "journeys.channels")
    channels_shape: float = truth(1.6, "its shape", "journeys.channels")
    channels_change: int = truth(24, "month, from 0, from which the second holds", "journeys.channels")
    billing: tuple[float, float] = truth(
        (-0.60, 0.10),
        "SD of satisfaction per SD of the gap below and above expectation",
        "touchpoint_ratings",
    )
    store: tuple[float, float] = truth((-0.10, 0.40), "the same", "touchpoint_ratings")
    other_touchpoints: tuple[float, float] = truth(
        (-0.15, 0.15), "the same, each of the other touchpoints: as much either way", "touchpoint_ratings"
    )
    intent: float = truth(
        0.35, "rate r in intention = 1 − exp(−r (SD of satisfaction + 4)): concave", "surveys.intent"
    )
    response_extremes: float = truth(
        0.35, "log odds of answering per squared SD of satisfaction", "surveys.responded"
    )
    response_holidays: float = truth(
        0.60,
        "multiple of the share that answers, 7 days either side of Easter, Midsummer, Christmas",
        "surveys, contact_log",
    )
    messages_limit: int = truth(
        3, "messages sent a month that do no harm; the log is of 2024 only", "contact_log"
    )
    fatigue: float = truth(
        0.50, "multiple of the response to messages beyond the limit", "contact_log.response"
    )
    message_response: float = truth(
        0.08,
        "share of messages sent that is answered, within the limit, off the feasts",
        "contact_log.response",
    )
