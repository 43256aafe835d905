"""What is running and for how long: moving bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class RunProgress:
    """Shows a run of several notebooks.

    Parameters
    ----------
    total
        How many notebooks there are.
    console
        Where to write; standard error, unless given, so that output can be piped.
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._total = total
        self._finished = 0
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("cells"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def cell(self, name: str, number: int, total: int) -> None:
        """Say that a cell of a notebook has begun."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(escape(name), total=total)
        self._bars.update(self._tasks[name], completed=number - 1)

    def finished(self, name: str, outcome: str) -> None:
        """Write the line of a notebook that is done, e.g. ``[2/2] 04-survival-churn  12.3 s``."""
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
        self._finished += 1
        self.say(f"[{self._finished}/{self._total}] {name}  {outcome}")

    def say(self, text: str) -> None:
        """Write a line as it is: nothing in it is markup, and nothing is wrapped or coloured."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
