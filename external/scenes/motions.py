"""The motions of scenes by name; none of them is a family that models are trained on."""

from collections.abc import Callable

from external.anny.rig import Array
from external.scenes import on_the_spot, walks
from external.scenes.build import Build
from external.scenes.movement import Draw, Movement

Motion = Callable[[Array, Draw, Build], Movement]
"""From times (F,) in seconds, random numbers between two others, and the measures of a body."""

MOTIONS: dict[str, tuple[Motion, ...]] = {
    "standing": (on_the_spot.standing,),
    "walk-towards": (walks.walk_towards,),
    "walk-away": (walks.walk_away,),
    "walk-across": (walks.walk_across,),
    "walk-arc": (walks.walk_arc,),
    "spin": (walks.spin,),
    "facing-away": (on_the_spot.facing_away,),
    "crouching": (on_the_spot.crouching,),
    "sitting-down": (on_the_spot.sitting_down,),
    "kicking": (on_the_spot.kicking,),
    "jumping-jack": (on_the_spot.jumping_jack,),
    "arms-before-trunk": (on_the_spot.arms_before_trunk,),
    "holding-box": (walks.carry,),
    "behind-table": (on_the_spot.behind_table,),
    "leave-and-return": (walks.leave_and_return,),
    "two-cross": (walks.cross_before, walks.cross_behind),
}
"""What each of the subjects does."""
