"""Explorer: controls above one picture that moves with them, and a sentence below it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from cemlab.chart import Chart
from cemlab.errors import CemlabError, OptionError, one_of
from cemlab.present.plots.live import LivePicture
from cemlab.present.widgets.controls import Control
from cemlab.stats.threads import one_thread


class Explorer:
    """Controls, a picture and a sentence; a move of a control calls a public function and shows its answer.

    Without a front end that shows widgets, on a published page for example, the picture stands alone.

    Parameters
    ----------
    controls
        What can be moved; their names are the arguments of `show`.
    show
        Takes the values of all controls by name and returns chart and sentence. A refusal of cemlab's is
        told to the reader, and the picture fades until the values make sense again.

    Raises
    ------
    CemlabError
        If the first values are refused.
    """

    def __init__(self, *, controls: Sequence[Control], show: Callable[..., tuple[Chart, str]]) -> None:
        self._controls = {control.name: control for control in controls}
        self.show = show
        self.chart, self.sentence = show(**self.values)
        self._picture = LivePicture(self.chart)
        self._image = widgets.Image(
            value=self._picture.png(self.chart), format="png", layout=widgets.Layout(max_width="52em")
        )
        self._words = widgets.HTML(value=_paragraph(self.sentence))
        self._moving = False
        for control in controls:
            control.listen(self._redraw)
        self.view = widgets.VBox([*(control.view for control in controls), self._image, self._words])
        self._describe()

    @property
    def values(self) -> dict[str, Any]:
        """The values of the controls, by the name of the argument."""
        return {name: control.read() for name, control in self._controls.items()}

    @property
    def png(self) -> bytes:
        """The picture as it stands."""
        picture: bytes = self._image.value
        return picture

    def move(self, **values: Any) -> None:
        """Set controls by name, as a hand would, and redraw once.

        Raises
        ------
        OptionError
            If there is no such control, or it cannot take the value.
        """
        for name in values:
            if name not in self._controls:
                raise OptionError(one_of(name, self._controls, what="control"))
        self._moving = True
        try:
            for name, value in values.items():
                self._controls[name].write(value)
        finally:
            self._moving = False
        self._redraw()

    def _redraw(self) -> None:
        if self._moving:
            return
        try:
            # a hand that waits is not helped by threads that wait for each other
            with one_thread():
                self.chart, self.sentence = self.show(**self.values)
        except CemlabError as refusal:
            self._image.layout.opacity = "0.3"
            self._words.value = _paragraph(f"No figure for these values: {refusal}")
            return
        self._image.value = self._picture.png(self.chart)
        self._image.layout.opacity = "1"
        self._words.value = _paragraph(self.sentence)
        self._describe()

    def _describe(self) -> None:
        # the picture's words, for those who cannot see it
        self._image.tooltip = self.chart.alt_text()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = self.view._repr_mimebundle_(**options)
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        picture, metadata = self.chart._repr_mimebundle_()
        return data | picture, metadata


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"
