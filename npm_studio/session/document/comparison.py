"""What is compared, and how it is shown: a value that views read and replace."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import with_config

from npm_studio.session.document.view_state import STRICT

SourceKind = Literal["run", "truth", "observation", "identity", "meshes"]
Mode = Literal["beside", "swipe", "blink"]

LAYOUTS = (1, 2, 3, 4, 6)
"""Numbers of views beside each other."""
MOST_SIDES = LAYOUTS[-1]
_IN_ONE_VIEW = 2
"""Sides of a swipe or a blink."""


@with_config(STRICT)
@dataclass(frozen=True)
class SideSource:
    """Where a side comes from, by which it is known in a project."""

    kind: SourceKind
    path: Path
    """Folder of the run; recording of the truth and the observation; folder of the model of an identity; mesh files."""
    identity: int = 0
    """Of the model."""


@with_config(STRICT)
@dataclass(frozen=True)
class ComparisonState:
    """Everything that a user has chosen of a comparison."""

    sides: tuple[SideSource, ...] = ()
    """Each once, at most `MOST_SIDES`; those beyond the layout are remembered."""
    layout: int = 2
    """How many views there are, of `LAYOUTS`."""
    mode: Mode = "beside"
    reference: SideSource | None = None
    """What errors are measured against; None: the truth where there is one, else what was seen, else the first side."""
    coloured: bool = True
    """Whether errors are shown as colours."""
    scale_mm: float | None = None
    """Where the colours end; None: by what was measured."""
    mesh_files: tuple[Path, ...] = ()
    """Files and folders of meshes that were opened to be compared."""
    frame: int = 0
    """Where playback is."""

    def __post_init__(self) -> None:
        assert self.layout in LAYOUTS, self.layout
        assert len(set(self.sides)) == len(self.sides) <= MOST_SIDES, self.sides

    @property
    def view_count(self) -> int:
        return self.layout if self.mode == "beside" else 1

    @property
    def on_show(self) -> tuple[SideSource, ...]:
        """The sides that are shown; fewer than views where some are still to be chosen."""
        return self.sides[: self.layout if self.mode == "beside" else _IN_ONE_VIEW]

    def with_side(self, place: int, source: SideSource) -> "ComparisonState":
        """With ``source`` at ``place``, or behind the last side; one that is shown elsewhere changes places."""
        sides = list(self.sides)
        place = min(place, len(sides))
        if source in sides:
            at = sides.index(source)
            if place < len(sides):
                sides[at], sides[place] = sides[place], sides[at]
        elif place < len(sides):
            sides[place] = source
        else:
            sides.append(source)
        return replace(self, sides=tuple(sides[:MOST_SIDES]))

    def added(self, source: SideSource) -> "ComparisonState":
        """With one more side, and a layout that has a view for it; unchanged when it is there or no room is left."""
        shown = self.sides[: self.layout]
        if source in shown or len(shown) == MOST_SIDES:
            return self
        sides = (*shown, source)
        return replace(self, sides=sides, layout=max(self.layout, _layout_for(len(sides))))

    def removed(self, place: int) -> "ComparisonState":
        """Without the side at ``place``, nor a view that has become empty."""
        sides = self.sides[:place] + self.sides[place + 1 :]
        return replace(self, sides=sides, layout=min(self.layout, _layout_for(len(sides))))


def _layout_for(count: int) -> int:
    """The smallest layout with so many views."""
    return next(layout for layout in LAYOUTS if layout >= count)
