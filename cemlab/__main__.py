"""``python -m cemlab`` is the command ``cemlab``."""

from cemlab.cli import main

main()
