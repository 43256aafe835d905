"""Who makes the experience of a contact, and how experience and engagement lift each other: the truths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.simulate.halden import Block, Halden
from cemlab.simulate.service.contacts import serve
from cemlab.simulate.state import NetworkState
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.truths import Network
from cemlab.simulate.worlds import World


def variance_parts(halden: Halden) -> pd.DataFrame:
    """Return the variance of what is felt in contacts between employees, between branches, and the rest.

    Parameters
    ----------
    halden
        The company.
    """
    network = halden.network()
    felt = np.concatenate([_felt(halden, network, block) for block in halden.blocks()])
    employee = _between_employees(network)
    branch = halden.world.service.contact_experience**2 * float(network.experience.mean(axis=1).var(ddof=1))
    total = float(felt.var(ddof=1))
    planted = (*_planted(halden.world), np.nan)
    table = pd.DataFrame(
        {
            "part": ["employee", "branch", "rest"],
            "planted": planted,
            "variance": [employee, branch, total - employee - branch],
        }
    )
    return table.assign(share=table["variance"] / total)


def _felt(halden: Halden, network: NetworkState, block: Block) -> Floats:
    """Return the mean feeling in the contacts of a block that a person served."""
    members = halden.members(network, block)
    served = serve(halden.world, halden.streams, network, members, halden.lives(network, members))
    felt: Floats = served.mean_affect[served.employee >= 0]
    return felt


def _planted(world: World) -> tuple[float, float]:
    """Return the variances planted between employees of a branch, and between branches, of a contact."""
    plan = world.network
    lifted = plan.engagement_experience * plan.engagement_person_sd
    level = plan.affluence_experience**2 + plan.branch_sd**2
    return plan.skill_sd**2 + lifted**2, world.service.contact_experience**2 * level


def _between_employees(network: NetworkState) -> float:
    """Return the variance between employees of the same branch of what they add for good, from all months.

    One-way analysis of variance of what each adds in each month, less the mean of the branch: the variance
    within persons, their good and bad months, is taken out of that of their means.
    """
    present = network.roster >= 0
    who: Ints = network.roster[present]
    branch = np.broadcast_to(network.post_branch[:, None], network.roster.shape)[present]
    adds = network.skill[present]
    n = np.bincount(who)
    there = n > 0
    mean = np.bincount(who, adds)[there] / n[there]
    home = np.zeros(len(n), dtype=np.int64)
    home[who] = branch
    weight, home = n[there], home[there]
    centre = np.bincount(home, weight * mean) / np.bincount(home, weight)
    within = ((adds - (np.bincount(who, adds) / np.maximum(n, 1))[who]) ** 2).sum() / (n.sum() - there.sum())
    branches = len(centre)
    between = (weight * (mean - centre[home]) ** 2).sum() / (there.sum() - branches)
    squares = np.bincount(home, weight**2) / np.bincount(home, weight)
    typical = (n.sum() - squares.sum()) / (there.sum() - branches)
    return float((between - within) / typical)


def engagement_paths(plan: Network) -> pd.DataFrame:
    """Return how engagement lifts experience, and experience engagement.

    Parameters
    ----------
    plan
        The planted truths.
    """
    carried = plan.experience_engagement / (1 - plan.engagement_memory)
    rows = (
        ("engagement to experience", "same month", plan.engagement_experience),
        ("experience to engagement", "next month", plan.experience_engagement),
        ("engagement to engagement", "next month", plan.engagement_memory),
        ("experience to engagement", "in the end", carried),
    )
    return pd.DataFrame(rows, columns=["path", "when", "truth"])
