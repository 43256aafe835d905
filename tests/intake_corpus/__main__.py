"""Write the corpus to a folder, with a list of what must be said of each case."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.intake_corpus import CASES


def main() -> None:
    """Write every case below the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.intake_corpus FOLDER (a new folder)")
    where = Path(sys.argv[1])
    where.mkdir(parents=True)
    expected = []
    for case in CASES:
        place = where / case.name
        place.mkdir()
        case.write(place)
        said = [f"  {name}: {outcome}" for name, outcome in case.outcomes.items()]
        expected += [case.name, *said, *([f"  fails: {case.fails}"] if case.fails else [])]
    (where / "EXPECTED.txt").write_text("\n".join(expected) + "\n", encoding="utf-8")
    print(f"{len(CASES)} cases written to {where}, {sum(case.good for case in CASES)} of them good")


if __name__ == "__main__":
    main()
