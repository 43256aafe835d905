"""The simulated company Halden, whose truth is known, and its oracle.

:func:`company` opens it, :func:`write` puts it into a folder, :class:`Oracle` says what would have happened.
Analyses never import this: the truth is for check cells and tests.
"""

from cemlab.simulate.halden import Halden
from cemlab.simulate.opening import company, company_for
from cemlab.simulate.oracle import Effect, Oracle
from cemlab.simulate.worlds import WORLDS, World
from cemlab.simulate.writing import write

__all__ = ["WORLDS", "Effect", "Halden", "Oracle", "World", "company", "company_for", "write"]
