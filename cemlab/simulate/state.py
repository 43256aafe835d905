"""What passes between the parts of the simulation: plain arrays, in blocks of customers.

``b`` is the number of branches, ``s`` of posts, ``e`` of employees, ``n`` of customers in a block; 48 months.
What carries no note does not depend on the scenario: it is who people are, and comes from its own streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import MONTH_STARTS

Flags = npt.NDArray[np.bool_]

#: Causes of leaving in the order of their codes; code 4 is a spell that goes on.
CAUSES = ("competitor", "price", "moved", "deceased", "none")
PLANS = ("Flex", "Plus", "Partner")
TYPES = ("household", "family", "senior", "professional")
OBJECTIVES = ("get it done", "get advice", "get it cheap")
ACQUISITION = ("branch", "website", "comparison site", "referral")
#: Risk classes of the customers considered for a save offer, in the order of their codes.
RISKS = ("high", "middle", "low")

Treatment = Literal["as it was", "none", "all"]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is done to the company; with nothing said, what was done.

    Parameters
    ----------
    training
        Who is trained: the branches that were, nobody, or every branch in the first wave's month (those of
        a wave earlier or later keep their wave's effectiveness; those of none have that of the second wave).
    cx
        SD added to every customer's experience in every month.
    recession
        Whether the recession happens, where the world has one.
    save_offer
        Who of those considered gets an offer: those who did, nobody, everybody.
    fees
        Who of those whose fee falls due is charged: those who were, nobody (all are waived), everybody.
    onboarding
        Who of those with consent who joined within the data is onboarded.
    leaving
        Whether anybody leaves, for whatever cause, from `still_from` on.
    changing
        Whether purchase rates really change, from `still_from` on.
    still_from
        First day, from the start of the data, for which `leaving` and `changing` speak.
    """

    training: Treatment = "as it was"
    cx: float = 0.0
    recession: bool = True
    save_offer: Treatment = "as it was"
    fees: Treatment = "as it was"
    onboarding: Treatment = "as it was"
    leaving: bool = True
    changing: bool = True
    still_from: int = 0


#: What really happened.
AS_IT_WAS = Scenario()


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkState:
    """Branches and staff under a scenario."""

    # who the branches are
    size: Ints  #: (b) posts
    format: Ints  #: (b) code in network.FORMATS
    region: Ints  #: (b) 0 … regions − 1
    affluence: Floats  #: (b) standard normal
    wave: Ints  #: (b) 0 for never, else 1, 2, 3
    trained_from: Ints  #: (b) month of the training under the scenario, MONTHS where there is none
    post_branch: Ints  #: (s) branch of each post
    level: Floats  #: (b) experience that the branch gave before the data, SD
    # what depends on the scenario
    experience: Floats  #: (b, 48) latent experience that a branch gives, SD
    training_effect: Floats  #: (b, 48) part of it due to training in the branch
    spill_over: Floats  #: (b, 48) part of it due to training elsewhere in the region
    engagement: Floats  #: (b, 48) mean engagement of the staff
    roster: Ints  #: (s, 48) number of the employee in each post, −1 while it is vacant
    skill: Floats  #: (s, 48) what the person there adds to a contact, beyond what the branch's people do
    effect: Floats  #: (s, 48) what training adds to an experience with the person there
    trained: Flags  #: (s, 48) whether the person in the post is trained
    score: Floats  #: (s, 48) engagement of the person in the post; NaN while vacant
    # employees, numbered 0 … e − 1
    employee_branch: Ints  #: (e)
    employee_post: Ints  #: (e)
    hired: Ints  #: (e) day from FIRST, negative before the data
    left: Ints  #: (e) day of leaving, DAYS where the person is still there
    trained_day: Ints  #: (e) day of the training, −1 where there was none
    pay: Ints  #: (e) pay a month, 1/10,000 EUR
    discretion: Floats  #: (e) standard normal

    def share_trained(self) -> Floats:
        """Return the share of trained people in each branch-month (b, 48)."""
        present = self.roster >= 0
        total = np.zeros(self.experience.shape)
        trained = np.zeros(self.experience.shape)
        np.add.at(total, self.post_branch, present.astype(float))
        np.add.at(trained, self.post_branch, (self.trained & present).astype(float))
        return np.divide(trained, total, out=np.zeros_like(total), where=total > 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Members:
    """A block of customers: who they are. Nothing here depends on the scenario."""

    block: int  #: number of the block
    first: int  #: number of its first customer
    branch: Ints  #: (n)
    type: Ints  #: (n) code in TYPES
    objective: Ints  #: (n) code in OBJECTIVES
    acquisition: Ints  #: (n) code in ACQUISITION
    plan: Ints  #: (n) code in PLANS
    consent: Flags  #: (n)
    joined: Floats  #: (n) moment of joining in months from the start, negative before the data
    frailty: (
        Floats  #: (n) multiplies the competitor hazard; of those before the data, as it is among survivors
    )
    taste: Floats  #: (n) what the customer adds to every experience, SD 0.5
    mood: Floats  #: (n, 48) what the month adds, SD 0.4
    onboarded: Flags  #: (n) by lot among those with consent who joined within the data; False for the others
    episode: Ints  #: (n) 0 none, 1 thinks of leaving, 2 grumbles
    episode_from: Floats  #: (n) moment it begins, months from the start of the data; NaN for none
    rate: Floats  #: (n) purchases a month at the average
    changes_at: Floats  #: (n) moment from which the rate is another one; NaN for never
    changes_to: Floats  #: (n) multiple of the rate from then on
    potential_error: Floats  #: (n) log error in the company's own estimate of the customer's potential

    def __len__(self) -> int:
        return len(self.branch)

    @property
    def number(self) -> Ints:
        """Numbers of the customers, from 1."""
        return np.arange(self.first, self.first + len(self)) + 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Lives:
    """What became of a block of customers under a scenario."""

    experience: Floats  #: (n, 48) latent experience of the month, SD
    hazard: Floats  #: (4, n, 48) hazard a month, by cause, save offers and fees apart
    entry: Ints  #: (n) first day of the contract, negative before the data
    exit: Ints  #: (n) day the contract ended; DAYS or more where it went on beyond the data
    cause: Ints  #: (n) code in CAUSES; 4 where it went on
    considered: Flags  #: (n) whether an offer was considered
    considered_day: Ints  #: (n) the day, −1 where not
    risk: Ints  #: (n) code in RISKS, −1 where not considered
    offered: Flags  #: (n) whether an offer was made, by lot in what was done
    accepted: Flags  #: (n) whether the customer took it
    risk_then: Floats  #: (n) chance to leave by one's own will in six months if all stays so; NaN where not
    risk_if_not: Floats  #: (n) the true chance to do so without offer and fee, knowing all; NaN where not
    fee_due: Flags  #: (n) whether a fee fell due
    fee_day: Ints  #: (n) the day, −1 where not
    fee_kind: Ints  #: (n) code in fees.KINDS
    fee_amount: Ints  #: (n) EUR that fell due, charged or not; nought where none did
    fee_charged: Flags  #: (n) whether it was charged, by lot in what was done
    fee_drives: Floats  #: (n) chance that it drives away who would stay six months; nought where not charged

    def months_active(self) -> Floats:
        """Return the share of each month in which the contract runs (n, 48)."""
        starts, ends = MONTH_STARTS[:-1], MONTH_STARTS[1:]
        from_day = np.maximum(self.entry[:, None], starts)
        to_day = np.minimum(self.exit[:, None], ends)
        active: Floats = np.clip(to_day - from_day, 0, None) / (ends - starts)
        return active


@dataclass(frozen=True, eq=False, kw_only=True)
class Purchases:
    """The purchases of a block of customers under a scenario, ordered by customer and day."""

    customer: Ints  #: row of the customer in the block
    candidate: Ints  #: number, from 1, of the customer's candidate that it is; replays keep it
    day: Ints  #: day from FIRST, within the spell: entry ≤ day < exit
    category: Ints  #: code in shopping.CATEGORIES
    channel: Ints  #: code in shopping.CHANNELS
    units: Ints
    revenue: Ints  #: 1/10,000 EUR, whole cents
    margin: Ints  #: 1/10,000 EUR, whole cents
