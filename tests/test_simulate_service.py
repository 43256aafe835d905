"""Contacts, questionnaires, touchpoints, journeys and messages: what is planted in them comes out again.

Tolerances are four standard errors of the estimate at hand unless a comment says otherwise: a right
simulation fails such a test once in 16,000 times, and the seed is fixed.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import statsmodels.api as sm
from scipy import stats

from cemlab.data.contract import TABLES
from cemlab.simulate.economy import holidays, near_holiday
from cemlab.simulate.halden import Halden
from cemlab.simulate.service.contacts import (
    CHANNELS,
    ENQUIRY,
    REASONS,
    Contacts,
    contacts,
    heard,
    peak_of,
    remembered,
    running_number,
    serve,
)
from cemlab.simulate.service.journeys import further_channels, journeys
from cemlab.simulate.service.messages import LOGGED, contact_log, response_chance
from cemlab.simulate.service.occasions import TIMES, draw_occasions
from cemlab.simulate.service.surveys import intention, surveys
from cemlab.simulate.service.touchpoints import GAP_SD, TOUCHPOINTS, Answers, touchpoint_ratings, verdict
from cemlab.simulate.state import Lives, Members, NetworkState, Scenario
from cemlab.simulate.timeline import DAYS, FIRST, MONTH_STARTS, month_of
from cemlab.simulate.worlds import WORLDS

SERVICE = WORLDS["default"].service


@dataclass(frozen=True, eq=False, kw_only=True)
class Made:
    """All that the tests look at, of one block."""

    halden: Halden
    network: NetworkState
    members: Members
    lives: Lives
    served: Contacts
    answers: Answers
    tables: dict[str, pa.Table]


def make(halden: Halden, scenario: Scenario, change_lives=lambda lives: lives) -> Made:
    world, streams = halden.world, halden.streams
    network = halden.network(scenario)
    members = halden.members(network, next(halden.blocks()))
    lives = change_lives(halden.lives(network, members, scenario))
    served = serve(world, streams, network, members, lives)
    asked, answers = surveys(world, streams, network, members, lives, served)
    return Made(
        halden=halden,
        network=network,
        members=members,
        lives=lives,
        served=served,
        answers=answers,
        tables={
            "contacts": contacts(members, served),
            "journeys": journeys(world, streams, members, lives),
            "surveys": asked,
            "touchpoint_ratings": touchpoint_ratings(streams, members, answers),
            "contact_log": contact_log(world, streams, members, lives),
        },
    )


@pytest.fixture(scope="module")
def made() -> Made:
    return make(Halden(customers=20_000, seed=4), Scenario())


def regress(y, *columns):
    """Return estimates and standard errors, the intercept first."""
    fit = sm.OLS(np.asarray(y, dtype=float), sm.add_constant(np.column_stack(columns).astype(float))).fit()
    return fit.params, fit.bse


def close(estimate, truth, error):
    """Whether estimates are within four standard errors of the truth."""
    return bool(np.all(np.abs(np.asarray(estimate) - truth) < 4 * np.asarray(error)))


def share(hits):
    """Return a share and its standard error."""
    p = float(np.mean(hits))
    return p, np.sqrt(p * (1 - p) / len(hits))


# What is felt in contacts


def dummies(codes):
    """Return columns for all codes but the first."""
    return (codes[:, None] == np.arange(1, codes.max() + 1)).astype(float)


def felt(made):
    c = made.served
    experience = made.lives.experience[c.customer, month_of(c.day)]
    complaint = c.reason == REASONS.index("complaint")
    return c, [experience, c.skill, complaint, heard(SERVICE, c.listen)]


def test_a_person_and_the_perceived_wait_make_the_satisfaction(made):
    c, others = felt(made)
    estimate, error = regress(c.affect, c.human, c.perceived / 60, c.wait / 60, *others)
    # human, perceived minute, actual minute given the perceived one; experience, skill, complaint, listening
    assert close(estimate[1:], [0.40, -0.02, 0.0, 0.5, 1.0, -0.80, 1.0], error[1:])
    # Sharp enough to see each of the planted ones, and to tell a perceived from an actual minute.
    assert np.all(np.abs(estimate[[1, 2]]) > 4 * error[[1, 2]])
    assert error[3] < 0.02 / 4


def test_in_chats_the_lot_decides_who_answers(made):
    c = made.served
    chat, robot = CHANNELS.index("chat"), CHANNELS.index("chat robot")
    chats = np.isin(c.channel, (chat, robot))
    p, error = share(c.channel[chats] == robot)
    assert close(p, 0.5, error)
    experience = made.lives.experience[c.customer, month_of(c.day)]
    difference, error = regress(experience[chats], c.human[chats])
    assert close(difference[1], 0, error[1])


def test_complaints_seek_a_person_which_biases_the_naive_contrast(made):
    c, (experience, *_) = felt(made)
    naive, error = regress(c.affect + 0.02 * c.perceived / 60 - c.skill - 0.5 * experience, c.human)
    assert naive[1] < SERVICE.human - 4 * error[1]


def test_a_callback_shortens_the_wait_as_felt_and_not_the_wait(made):
    c = made.served
    telephone = c.channel == CHANNELS.index("telephone")
    assert not c.callback[~telephone].any()
    waited = c.wait > 0
    for chosen, truth in ((c.callback, 0.55), (~c.callback & waited, 1.36)):
        ratio = c.perceived[chosen] / c.wait[chosen]
        assert close(ratio.mean(), truth, ratio.std() / np.sqrt(len(ratio)))
    difference, error = regress(np.log(c.wait[telephone]), c.callback[telephone])
    assert close(difference[1], 0, error[1])


def test_listening_pays_less_and_less():
    seconds = np.array([0.0, 0.6, 60, 120, 300, 360])
    gain = heard(SERVICE, seconds)
    # The slope per minute between 0 and 0.01 minutes is the one at 0, up to half of 0.01 / 5.
    assert (gain[1] - gain[0]) / 0.01 == pytest.approx(0.10, rel=0.002)
    assert gain[3] - gain[2] > gain[5] - gain[4] > 0
    assert heard(SERVICE, np.array([np.nan])) == 0


def test_peak_and_end_are_remembered_and_the_duration_is_not(made):
    c = made.served
    estimate, error = regress(c.memory, c.peak, c.end, c.mean_affect, c.duration / 60)
    assert close(estimate[1:], [0.45, 0.45, 0.10, 0.0], error[1:])
    assert error[3] < 0.10 / 4  # the three can be told apart


def test_what_is_remembered_by_hand():
    memory = remembered(
        replace(SERVICE, length=0.5), np.array([2.0]), np.array([1.0]), np.array([-1.0]), np.array([120.0])
    )
    assert memory == pytest.approx(0.9 + 0.45 - 0.1 + 0.5 * 2)


def test_the_peak_is_the_strongest_feeling(made):
    c, table = made.served, made.tables["contacts"].to_pandas()
    assert np.all(np.abs(c.peak) >= np.abs(c.end))
    assert np.all(np.abs(c.peak) >= np.abs(c.mean_affect))
    assert np.all(table["peak"].abs() >= table["end"].abs())
    assert np.all(table["peak"].abs() >= table["mean_affect"].abs())
    assert 0.1 < np.mean(c.peak < 0) < 0.9  # good in some, bad in others
    assert 0.1 < np.mean(c.peak == c.end) < 0.9  # at the end in some, before it in others


def test_the_strongest_feeling_by_hand():
    feelings = np.array([[0.5, 1.0, 0.0], [-2.0, 0.0, -1.0], [1.0, 0.5, 3.0]])
    assert peak_of(feelings).tolist() == [-2.0, 1.0, 3.0]


def test_the_mean_feeling_is_the_satisfaction_but_for_the_end(made):
    c = made.served
    estimate, error = regress(c.mean_affect, c.affect, ~c.resolved)
    assert close(estimate, [0, 1, -0.6 / 6], error)  # the last of six moments


def test_what_is_not_resolved_ends_badly(made):
    c = made.served
    estimate, error = regress(c.end - c.affect, c.resolved)
    assert close(estimate, [-0.6, 0.6], error)


# Training


def test_trained_people_take_longer_and_resolve_more(made):
    c = made.served
    served = c.employee >= 0
    trained, kind = c.trained[served], [dummies(c.reason[served]), dummies(c.channel[served])]
    estimate, error = regress(np.log(c.handle[served]), trained, *kind)
    assert close(estimate[1], np.log(1.06), error[1])
    discretion = made.network.discretion[c.employee[served]]
    estimate, error = regress(c.resolved[served], trained, discretion, *kind)
    assert close(estimate[1:3], [0.04, 0.02], error[1:3])
    assert np.all(estimate[1:3] > 4 * error[1:3])


def test_the_untrained_resolve_the_planted_share(made):
    c = made.served
    # The mix of reasons and channels differs between companies, by a point of the share.
    assert np.mean(c.resolved[~c.trained & (c.follows < 0)]) == pytest.approx(SERVICE.resolved, abs=0.015)
    enough = [c.reason == code for code in range(len(REASONS))]
    shares = [share(c.resolved[chosen]) for chosen in enough]
    best, worst = shares[REASONS.index("product advice")], shares[REASONS.index("complaint")]
    assert best[0] - worst[0] > 4 * np.hypot(best[1], worst[1])


def within(made, values, rows):
    """Return values less the mean of their branch-month."""
    c = made.served
    cell = (made.members.branch[c.customer] * 48 + month_of(c.day))[rows]
    total, count = np.bincount(cell, values), np.bincount(cell)
    return values - (total / np.maximum(count, 1))[cell]


def test_the_trained_differ_from_their_colleagues_by_their_own_effect_and_no_more(made):
    c, network = made.served, made.network
    rows = np.flatnonzero(c.employee >= 0)
    post, month = network.employee_post[c.employee[rows]], month_of(c.day[rows])
    # Before the training's day the person has no effect, and in its month none yet.
    effect = np.where(c.trained[rows], network.effect[post, month], 0.0)
    experience = made.lives.experience[c.customer[rows], month]
    others = [
        experience,
        network.score[post, month],
        c.reason[rows] == REASONS.index("complaint"),
        c.perceived[rows] / 60,
        heard(SERVICE, c.listen[rows]),
        ~c.resolved[rows],
    ]
    columns = [within(made, np.asarray(column, dtype=float), rows) for column in (effect, *others)]
    y = within(made, c.mean_affect[rows], rows)
    # People differ in quality, and each serves often: errors are clustered by employee.
    fit = sm.OLS(y, np.column_stack(columns)).fit(cov_type="cluster", cov_kwds={"groups": c.employee[rows]})
    planted = [1.0, SERVICE.contact_experience, 0.20, SERVICE.complaint, SERVICE.wait, 1.0, -0.6 / 6]
    assert close(fit.params, planted, fit.bse)
    assert fit.bse[0] < 0.5  # sharp enough to tell once from thrice


def test_employees_differ_by_the_planted_quality(made):
    c, network = made.served, made.network
    rows = np.flatnonzero(c.employee >= 0)
    experience = made.lives.experience[c.customer[rows], month_of(c.day[rows])]
    kind = [experience, c.reason[rows] == REASONS.index("complaint"), c.perceived[rows], c.channel[rows] == 1]
    y = c.affect[rows]
    rest = sm.OLS(y, sm.add_constant(np.column_stack(kind).astype(float))).fit().resid
    who = c.employee[rows]
    count, total, squares = (np.bincount(who, w) for w in (None, rest, rest**2))
    pairs = count * (count - 1)
    # Of one person's contacts all pairs share what is that person's: quality and usual engagement.
    variance = (total**2 - squares)[pairs > 0].sum() / pairs.sum()
    usual = 0.20 * WORLDS["default"].network.engagement_person_sd
    planted = np.hypot(WORLDS["default"].network.skill_sd, usual)
    # 4 SE of an SD over some 900 posts, each with one person or a few.
    assert np.sqrt(variance) == pytest.approx(planted, rel=4 / np.sqrt(2 * len(network.post_branch)))


def test_training_acts_through_the_numbers_of_the_world():
    default, no_effect = (
        make(Halden(customers=2000, seed=5, world_name=name), Scenario()).served
        for name in ("default", "no-effect")
    )
    _, one, other = np.intersect1d(default.occasion, no_effect.occasion, return_indices=True)
    alike = default.trained[one] == no_effect.trained[other]  # some posts are held by others
    one, other = one[alike], other[alike]
    longer = default.handle[one] / no_effect.handle[other]
    assert longer == pytest.approx(np.where(default.trained[one], 1.06, 1.0))
    assert default.trained[one].any()


# Who makes contact, when, and who serves


def test_contacts_are_inside_the_spell_and_the_office_hours(made):
    c, lives = made.served, made.lives
    assert np.all((c.day >= lives.entry[c.customer]) & (c.day < lives.exit[c.customer]))
    assert c.day.min() >= 0
    assert c.day.max() < DAYS
    assert np.all((c.second >= 9 * 3600) & (c.second < 18 * 3600))
    assert not np.any((c.day + FIRST.weekday()) % 7 == 6)
    assert not np.isin(c.day, [(day - FIRST).days for day in holidays()]).any()


def test_the_employee_is_in_the_branch_on_that_day(made):
    c, network = made.served, made.network
    served = c.employee >= 0
    who, day = c.employee[served], c.day[served]
    assert np.array_equal(network.employee_branch[who], made.members.branch[c.customer[served]])
    assert np.all((network.hired[who] <= day) & (day <= network.left[who]))
    assert np.array_equal(network.roster[network.employee_post[who], month_of(day)], who)
    assert np.array_equal(
        c.trained[served], (network.trained_day[who] >= 0) & (network.trained_day[who] < day)
    )
    assert not served[~c.human].any()
    # Somebody is in nearly every branch on every day: posts stand empty for half a month at most.
    assert served[c.human].mean() > 0.999


def test_all_who_are_there_serve_alike(made):
    c, network = made.served, made.network
    served = c.employee >= 0
    branch = made.members.branch[c.customer[served]]
    post = network.employee_post[c.employee[served]]
    largest = np.bincount(branch).argmax()
    posts = np.flatnonzero(network.post_branch == largest)
    counts = np.bincount(post[branch == largest], minlength=len(network.post_branch))[posts]
    # Vacancies make posts differ by a few percent, far below what a thousand contacts show.
    assert stats.chisquare(counts).pvalue > 0.001


def test_the_rate_of_contacts_falls_with_experience(made):
    lives, c = made.lives, made.served
    active = lives.months_active()
    ordinary = np.zeros(active.shape)
    chosen = (c.reason != ENQUIRY) & (c.follows < 0)
    np.add.at(ordinary, (c.customer[chosen], month_of(c.day[chosen])), 1)
    level = np.digitize(lives.experience, np.linspace(-3, 3, 61))  # narrow: the curvature within is nothing
    total = np.bincount(level.ravel(), active.ravel())
    count = np.bincount(level.ravel(), ordinary.ravel())
    mean = np.bincount(level.ravel(), (active * lives.experience).ravel()) / total
    fit = sm.GLM(count, sm.add_constant(mean), family=sm.families.Poisson(), exposure=total).fit()
    assert close(fit.params, [np.log(0.12 * 0.95), -0.15], fit.bse)


def test_those_who_think_of_leaving_ask_and_then_leave(made):
    members, lives, c = made.members, made.lives, made.served
    enquiry = c.reason == ENQUIRY
    begins = np.floor(np.nan_to_num(members.episode_from) * DAYS / 48)
    thinks = (members.episode == 1) & (begins + 21 < np.minimum(lives.exit, DAYS))
    lag = c.day - begins[c.customer]
    asks = np.zeros(len(members), dtype=bool)
    asks[c.customer[enquiry & (lag >= 1) & (lag <= 20)]] = True
    p, error = share(asks[thinks])
    assert close(
        p, 0.60, error + 0.001
    )  # an ordinary contact in these days is a false alarm: 0.12 x 0.05 x 2/3
    draws = draw_occasions(SERVICE, made.halden.streams, members)
    ordinary = ~draws.enquiry[c.occasion] & (c.follows < 0)
    p, error = share(enquiry[ordinary])
    assert close(p, 0.05, error)

    soon = (lives.exit[c.customer] - c.day <= 91) & (lives.cause[c.customer] < 2)
    seen = c.day < DAYS - 91
    after, rest = share(soon[enquiry & seen]), share(soon[~enquiry & seen])
    assert after[0] - rest[0] > 4 * np.hypot(after[1], rest[1])


def test_what_is_not_resolved_comes_back_within_two_weeks(made):
    c, lives = made.served, made.lives
    later = np.flatnonzero(c.follows >= 0)
    place = np.full(c.occasions, -1)
    place[c.occasion] = np.arange(len(c))
    before = place[c.follows[later]]
    assert np.all(before >= 0)
    assert not c.resolved[before].any()
    for name in ("customer", "reason"):
        assert np.array_equal(getattr(c, name)[later], getattr(c, name)[before])
    gap = c.day[later] - c.day[before]
    assert np.all((gap >= 1) & (gap <= 14))
    assert len(np.unique(before)) == len(before)
    times = np.zeros(len(c), dtype=int)
    for _ in range(TIMES):
        times[later] = times[before] + 1
    assert times.max() == TIMES
    seen = (lives.exit[c.customer] - c.day > 14) & (c.day < DAYS - 14)
    returned = np.isin(np.arange(len(c)), before)
    p, error = share(returned[seen & ~c.resolved & (times < TIMES)])
    assert close(p, SERVICE.comes_back, error)
    assert not returned[times == TIMES].any()


def test_in_the_table_the_unresolved_come_back_and_the_others_do_not(made):
    frame = made.tables["contacts"].to_pandas().sort_values(["customer", "time"])
    following = frame.groupby("customer")["time"].shift(-1)
    soon = (following - frame["time"]).dt.total_seconds() <= 14 * 86_400
    resolved = frame["resolved"].astype(bool)
    back, rest = share(soon[~resolved]), share(soon[resolved])
    assert back[0] > 0.40  # the planted 0.45, less those at the end of the data, more who come anyhow
    assert back[0] - rest[0] == pytest.approx(SERVICE.comes_back, abs=0.05)


def test_the_day_has_its_hours(made):
    hours = np.bincount(made.served.second // 3600, minlength=18)[9:18]
    assert hours.argmin() == 4  # at lunch
    assert hours[2] > 1.5 * hours[4]
    p, error = share(made.served.second // 3600 == 11)
    assert close(p, 1.5 / 10, error)


def test_reasons_differ_between_branches(made):
    c = made.served
    table = np.zeros((60, len(REASONS)))
    np.add.at(table, (made.members.branch[c.customer], c.reason), 1)
    assert stats.chi2_contingency(table).pvalue < 1e-6


# Questionnaires


def test_the_angry_and_the_delighted_answer(made):
    a = made.answers
    usual = ~near_holiday()[a.day]
    s = a.satisfaction[usual]
    design = sm.add_constant(np.column_stack([s, s**2]))
    fit = sm.GLM(a.responded[usual].astype(float), design, family=sm.families.Binomial()).fit()
    assert close(fit.params, [-1.1 - 0.35, 0.0, 0.35], fit.bse)


def test_around_holidays_fewer_answer(made):
    a = made.answers
    holiday = near_holiday()[a.day]
    near, usual = share(a.responded[holiday]), share(a.responded[~holiday])
    ratio = near[0] / usual[0]
    assert close(ratio, 0.60, ratio * np.hypot(near[1] / near[0], usual[1] / usual[0]))


def test_satisfaction_is_about_standardised(made):
    a = made.answers
    for kind in (a.year >= 0, a.year < 0):
        # "About": the branches of one company differ by chance, and experience has no fixed mean.
        assert abs(a.satisfaction[kind].mean()) < 0.15
        assert a.satisfaction[kind].std() == pytest.approx(1, abs=0.1)


def test_who_is_asked(made):
    a, lives, c = made.answers, made.lives, made.served
    assert np.all((a.day >= lives.entry[a.customer]) & (a.day < lives.exit[a.customer]) & (a.day < DAYS))
    relation = a.year >= 0
    assert np.array_equal(relation, a.contact < 0)
    assert made.members.consent[a.customer[relation]].all()
    assert np.array_equal(month_of(a.day[relation]) // 12, a.year[relation])
    pairs = a.customer[relation] * 4 + a.year[relation]
    assert len(np.unique(pairs)) == len(pairs)
    about = a.contact[~relation]
    assert np.array_equal(c.customer[about], a.customer[~relation])
    assert np.array_equal(c.day[about] + 1, a.day[~relation])
    p, error = share(c.asked)
    assert close(p, 0.25, error)


def test_scores_are_there_exactly_where_somebody_answered(made):
    table = made.tables["surveys"]
    for name in ("nps", "csat", "ces", "value_for_money", "intent"):
        assert pc.all(pc.equal(pc.is_valid(table[name]), table["responded"])).as_py()


def test_scores_follow_what_is_felt_with_an_error(made):
    a, frame = made.answers, made.tables["surveys"].to_pandas()
    said = a.responded
    for name in ("nps", "csat", "value_for_money", "intent"):
        # Reliable as a single question is: far from a perfect mirror, far from noise.
        assert 0.6 < np.corrcoef(a.satisfaction[said], frame[name][said].astype(float))[0, 1] < 0.97
    about = said & (a.contact >= 0)
    unresolved = ~made.served.resolved[a.contact[about]]
    estimate, error = regress(frame["ces"][about].astype(float), unresolved, a.satisfaction[about])
    assert estimate[1] > 4 * error[1]  # 7 is much effort
    assert estimate[2] < -4 * error[2]


def test_nps_hears_most_of_the_experience(made):
    a, frame = made.answers, made.tables["surveys"].to_pandas()
    said = a.responded
    heard_by = {
        name: abs(np.corrcoef(a.experience[said], frame[name][said].astype(float))[0, 1])
        for name in ("nps", "csat", "ces")
    }
    assert heard_by["nps"] > heard_by["csat"] > heard_by["ces"]


def test_intention_is_concave(made):
    assert intention(SERVICE, np.array([-5.0, -4.0, 0.0])) == pytest.approx([0, 0, 1 - np.exp(-0.35 * 4)])
    assert np.all(np.diff(intention(SERVICE, np.linspace(-4, 4, 81)), n=2) < 0)
    a = made.answers
    said, s = a.responded, a.satisfaction[a.responded]
    intent = made.tables["surveys"]["intent"].to_numpy(zero_copy_only=False)[said].astype(float)
    estimate, error = regress(intent, s, s**2)
    assert estimate[1] > 4 * error[1]
    assert estimate[2] < -4 * error[2]


# Touchpoints


def test_billing_only_punishes_and_the_store_delights(made):
    r = made.answers.relations
    gap = (r.experienced - r.expected)[r.asked] / GAP_SD
    below, above = np.maximum(-gap, 0), np.maximum(gap, 0)
    estimate, error = regress(r.satisfaction[r.asked], below, above, r.experience[r.asked])
    rest = [0.15] * 4
    assert close(estimate[1:7], [-0.60, -0.10, *np.negative(rest)], error[1:7])
    assert close(estimate[7:13], [0.10, 0.40, *rest], error[7:13])
    assert close(estimate[13], 0.30, error[13])
    assert np.all(error[1:13] < 0.15 / 4)  # sharp enough to see the smallest of them but two
    # Ratings pile up at the ends of the scale, by a little: the divisor is right to two percent.
    assert np.allclose(gap.std(axis=0), 1, atol=0.02)


def test_the_gap_says_nothing_of_the_experience(made):
    r = made.answers.relations
    gap = (r.experienced - r.expected)[r.asked].mean(axis=1)
    expected = r.expected[r.asked].mean(axis=1)
    assert np.corrcoef(expected, r.experience[r.asked])[0, 1] > 0.5
    # Only the ends of the scale connect the two: a hundredth, and four standard errors.
    assert abs(np.corrcoef(gap, r.experience[r.asked])[0, 1]) < 0.02 + 4 / np.sqrt(len(gap))


def test_the_verdict_by_hand():
    expected = np.full((2, len(TOUCHPOINTS)), 6)
    experienced = expected.copy()
    experienced[0, TOUCHPOINTS.index("billing")] = 3
    experienced[1, TOUCHPOINTS.index("store")] = 9
    usual = verdict(SERVICE, expected, expected)
    # Slopes add up to −0.60 + 0.10 − 0.10 + 0.40; half a standard normal's mean size is 0.4.
    assert usual == pytest.approx([0.08, 0.08])
    moved = verdict(SERVICE, expected, experienced) - usual
    assert moved == pytest.approx([-0.60 * 3 / GAP_SD, 0.40 * 3 / GAP_SD])


def test_ratings_belong_to_every_second_answer_about_the_relationship(made):
    ratings = made.tables["touchpoint_ratings"].to_pandas()
    assert ratings[["expected", "experienced", "stated_importance"]].isin(range(1, 11)).all(axis=None)
    sizes = ratings.groupby(["customer", "date"])["touchpoint"].agg(["size", "nunique"])
    assert (sizes == 6).all(axis=None)
    asked = made.tables["surveys"].to_pandas()
    about = asked[asked["contact"].isna() & asked["responded"]]
    joined = sizes.reset_index().merge(about, on=["customer", "date"], how="left")
    assert len(joined) == len(sizes)
    assert joined["csat"].notna().all()
    people = about["customer"].unique()
    p, error = share(np.isin(people, ratings["customer"].unique()))
    assert close(p, 0.5, error)


def test_no_contact_is_asked_about_on_the_day_of_the_relationship(made):
    asked = made.tables["surveys"].to_pandas()
    about = asked[asked["contact"].isna()][["customer", "date"]]
    assert len(asked[asked["contact"].notna()].merge(about, on=["customer", "date"])) == 0


# Journeys


def test_channels_of_a_journey(made):
    table = made.tables["journeys"].to_pandas()
    channels = table["channels"].to_numpy()
    later = (table["date"] >= np.datetime64("2024-01-01").astype(object)).to_numpy()
    negative_binomial = stats.nbinom(1.6, 1.6 / (1.6 + 3))
    cases = ((~later, stats.poisson(2), 4), (later, negative_binomial, 7))
    for chosen, law, most in cases:
        p, error = share((channels[chosen] >= 2) & (channels[chosen] <= most))
        exact = law.cdf(most - 1) - law.cdf(0)
        assert exact == pytest.approx(0.70, abs=0.03)  # what is said of journeys: seven in ten
        assert close(p, exact, error)
        assert close(channels[chosen].mean(), 1 + law.mean(), law.std() / np.sqrt(chosen.sum()))


def test_further_channels_by_inversion():
    change = MONTH_STARTS[24]
    uniform = np.array([0.0, 0.13, 0.14, 0.9999])
    before = further_channels(SERVICE, np.full(4, change - 1), uniform)
    after = further_channels(SERVICE, np.full(4, change), uniform)
    assert before.tolist() == stats.poisson(2).ppf(np.maximum(uniform, 1e-12)).tolist()
    assert after.tolist() == stats.nbinom(1.6, 1.6 / 4.6).ppf(np.maximum(uniform, 1e-12)).tolist()


def test_there_is_half_a_journey_a_year(made):
    years = made.lives.months_active().sum() / 12
    count = made.tables["journeys"].num_rows
    assert close(count, 0.5 * years, np.sqrt(count))


# Messages


def log(made):
    frame = made.tables["contact_log"].to_pandas()
    month = frame["date"].map(lambda day: day.year * 12 + day.month)
    sent = frame["treated"].astype(int)
    before = sent.groupby([frame["customer"], month]).cumsum() - sent
    day = (frame["date"].to_numpy("datetime64[D]") - np.datetime64(FIRST)).astype(int)
    return frame, before.to_numpy(), day


def test_messages_tire_beyond_the_limit_and_holidays_keep_people_away(made):
    frame, before, day = log(made)
    sent = frame["treated"].to_numpy()
    response = frame["response"].to_numpy()
    assert not response[~sent].any()
    holiday = near_holiday()[day]
    usual = share(response[sent & ~holiday & (before < 3)])
    assert close(usual[0], 0.08, usual[1])
    for chosen, truth in ((~holiday & (before >= 3), 0.50), (holiday & (before < 3), 0.60)):
        p, error = share(response[sent & chosen])
        assert close(p / usual[0], truth, p / usual[0] * np.hypot(error / p, usual[1] / usual[0]))
        assert p + 4 * error < usual[0]


def test_messages_go_to_those_who_consent_on_distinct_days_as_a_customer(made):
    frame, _, day = log(made)
    row = frame["customer"].str[1:].astype(int).to_numpy() - 1
    assert made.members.consent[row].all()
    assert np.all((day >= made.lives.entry[row]) & (day < made.lives.exit[row]))
    assert not frame.duplicated(["customer", "date"]).any()
    assert set(np.unique(month_of(day))) == set(range(*LOGGED))
    p, error = share(~frame["treated"])
    assert close(p, 0.10, error)
    months = (made.lives.months_active()[:, slice(*LOGGED)] * made.members.consent[:, None]).sum()
    assert close(len(frame), 1.6 * months, np.sqrt(len(frame)))
    assert set(frame["cost"][frame["treated"]].astype(str)) == {"0.3500"}
    assert set(frame["cost"][~frame["treated"]].astype(str)) == {"0.0000"}


def test_response_by_hand():
    start = MONTH_STARTS[29]  # June 2024; the 22nd is Midsummer Day
    day = start + np.array([0, 2, 4, 6, 8, 0, 20])
    customer = np.array([0, 0, 0, 0, 0, 1, 1])
    treated = np.array([True, True, False, True, True, True, True])
    chance = response_chance(SERVICE, customer, day, treated)
    assert chance == pytest.approx([0.08, 0.08, 0.08, 0.08, 0.04, 0.08, 0.08 * 0.6])


# All tables


def test_tables_are_as_the_contract_says(made):
    for name, table in made.tables.items():
        contract = TABLES[name]
        assert set(table.column_names) <= {column.name for column in contract.columns}
        for column in contract.columns:
            if column.name not in table.column_names:
                assert column.name not in contract.required
                continue
            values = table[column.name]
            if column.name in contract.required:
                assert values.null_count == 0
            if column.scale is not None and column.scale[0] is not None:
                assert pc.min(values).as_py() >= column.scale[0]
            if column.scale is not None and column.scale[1] is not None:
                assert pc.max(values).as_py() <= column.scale[1]
        if contract.unique:
            assert len(table.group_by(list(contract.key)).aggregate([])) == len(table)


def test_surveys_name_contacts_that_exist(made):
    named = made.tables["surveys"]["contact"].drop_null()
    assert pc.all(pc.is_in(named, made.tables["contacts"]["contact"])).as_py()
    assert len(pc.unique(named)) == len(named)


def test_the_same_seed_gives_the_same_tables_and_another_one_others():
    first, again, other = (make(Halden(customers=300, seed=seed), Scenario()) for seed in (7, 7, 8))
    for name, table in first.tables.items():
        assert table.equals(again.tables[name])
        assert not table.equals(other.tables[name])


def test_a_replay_changes_only_what_the_scenario_changes():
    halden = Halden(customers=2000, seed=5)
    was, better = make(halden, Scenario()), make(halden, Scenario(cx=1.0))
    before, after = was.served, better.served
    assert before.occasions == after.occasions
    stayed = after.day < was.lives.exit[after.customer]
    # A better experience takes contacts away and adds none while one was a customer anyhow.
    assert np.isin(after.occasion[stayed], before.occasion).all()
    assert len(after.occasion[stayed]) < len(before)
    _, there, here = np.intersect1d(before.occasion, after.occasion, return_indices=True)
    for name in ("day", "second", "reason", "channel", "employee", "perceived", "resolved", "asked"):
        assert np.array_equal(getattr(before, name)[there], getattr(after, name)[here])
    assert after.affect[here] - before.affect[there] == pytest.approx(0.5)
    both = was.answers.relations.asked & better.answers.relations.asked
    moved = better.answers.relations.satisfaction - was.answers.relations.satisfaction
    # 0.3 of experience, and what the ends of the scale do to the ratings: half a point up, for few.
    assert moved[both].mean() == pytest.approx(0.3, abs=0.02)


def nobody(lives: Lives) -> Lives:
    return replace(lives, exit=lives.entry)


@pytest.mark.parametrize("customers", [1, 3])
def test_few_customers_and_none_active(customers):
    few = make(Halden(customers=customers, seed=1), Scenario())
    none = make(Halden(customers=customers, seed=1), Scenario(), nobody)
    for name, table in none.tables.items():
        assert table.num_rows == 0
        assert table.schema.equals(few.tables[name].schema)


def test_running_numbers_of_nothing():
    assert running_number(np.array([], dtype=np.int64)).tolist() == []
