"""What people do without going anywhere: the feet stay where they are, or come back there."""

import numpy as np

from external.anny.rig import Array
from external.scenes.build import Build
from external.scenes.feet import Feet, smooth, standing_feet
from external.scenes.movement import Draw, Movement

Angles = dict[str, Array]

_GRAVITY = 9.81


def standing(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Facing the camera, the weight now on one leg and now on the other, one hand talking."""
    return _stand(times_s, draw, build, draw(-0.6, 0.6), _idle(times_s, draw) | _talking(times_s, draw))


def facing_away(times_s: Array, draw: Draw, build: Build) -> Movement:
    """The back to the camera, one arm reaching for something and coming down again."""
    angles = _idle(times_s, draw)
    side, up = _either(draw), _there_and_back(times_s, draw)
    angles[f"arm_front.{side}"] = 0.1 + draw(0.8, 1.6) * up
    angles[f"arm_side.{side}"] = 0.3 + draw(0.2, 1.0) * up
    return _stand(times_s, draw, build, np.pi + draw(-0.5, 0.5), angles)


def arms_before_trunk(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Both forearms come up across the chest and the belly, and stay there."""
    angles = _idle(times_s, draw)
    up = smooth((times_s - times_s[0]) / draw(0.6, 1.0))
    for side, lower in zip("LR", (0.0, 1.0), strict=True):
        angles[f"arm_front.{side}"] = 0.05 + up * (0.62 - 0.14 * lower + 0.04 * _sway(times_s, draw))
        angles[f"arm_side.{side}"] = 0.3 + up * (draw(-0.2, -0.1) + 0.1 * lower)
        angles[f"arm_twist.{side}"] = 0.15 + up * draw(0.6, 0.8)
        angles[f"elbow.{side}"] = 0.3 + up * (draw(1.5, 1.7) - 0.15 * lower)
    return _stand(times_s, draw, build, draw(-0.5, 0.5), angles)


def behind_table(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Bending a little over a table, both hands busy above it."""
    angles = _idle(times_s, draw)
    angles["spine_bend"] = draw(0.05, 0.25) + 0.12 * _sway(times_s, draw)
    for side in "LR":
        angles[f"arm_front.{side}"] = draw(0.5, 0.9) + 0.3 * _sway(times_s, draw)
        angles[f"arm_side.{side}"] = draw(0.2, 0.4) + 0.1 * _sway(times_s, draw)
        angles[f"elbow.{side}"] = draw(0.9, 1.3) + 0.3 * _sway(times_s, draw)
    return _stand(times_s, draw, build, draw(-0.35, 0.35), angles)


def crouching(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Down on one's haunches, and up again."""
    down = _there_and_back(times_s, draw)
    angles = _idle(times_s, draw, arms=False)
    angles["spine_bend"] = 0.05 + draw(0.3, 0.6) * down
    angles["pelvis_tilt"] = draw(0.3, 0.5) * down
    for side in "LR":
        angles[f"arm_front.{side}"] = 0.1 + draw(0.5, 1.1) * down
        angles[f"arm_side.{side}"] = 0.3 + draw(0.0, 0.3) * down
        angles[f"elbow.{side}"] = 0.3 + draw(0.2, 0.8) * down
    movement = _stand(times_s, draw, build, draw(-0.9, 0.9), angles, width=draw(1.3, 1.6))
    return _lowered(movement, build.standing - draw(0.42, 0.52) * build.leg * down, -0.07 * build.stature * down)


def sitting_down(times_s: Array, draw: Draw, build: Build) -> Movement:
    """From standing before a chair to sitting on it, leaning forward on the way."""
    begin, took = float(times_s[0]) + draw(0.3, 0.5), draw(1.1, 1.5)
    down = smooth((times_s - begin) / took)
    lean = 4 * down * (1 - down)
    angles = _idle(times_s, draw, arms=False)
    angles["spine_bend"] = 0.05 + draw(0.3, 0.5) * lean
    angles["pelvis_tilt"] = draw(0.2, 0.4) * lean - 0.15 * down
    for side in "LR":
        angles[f"arm_front.{side}"] = 0.1 + draw(0.3, 0.45) * down + 0.2 * lean
        angles[f"arm_side.{side}"] = np.full_like(times_s, draw(0.25, 0.35))
        angles[f"elbow.{side}"] = 0.3 + draw(0.4, 0.6) * down
    movement = _stand(times_s, draw, build, draw(-0.9, 0.9), angles, width=1.1)
    thigh, shin = (float(np.linalg.norm(part, axis=1).mean()) for part in (build.thighs, build.shins))
    seated = build.ankle_height + shin + 0.03 * build.stature
    return _lowered(movement, build.standing + (seated - build.standing) * down, -0.9 * thigh * down)


def kicking(times_s: Array, draw: Draw, build: Build) -> Movement:
    """One leg swings back and kicks, and then the other."""
    angles = _idle(times_s, draw)
    movement = _stand(times_s, draw, build, draw(-0.8, 0.8), angles)
    each = draw(1.3, 1.6)
    number = np.floor((times_s - times_s[0]) / each)
    phase = (times_s - times_s[0]) / each - number
    leg = (number + (1 if draw(0.0, 1.0) < 0.5 else 0)).astype(int) % 2
    forward, height = draw(0.3, 0.4) * build.stature, draw(0.18, 0.34) * build.stature
    back = _keyed(phase, {0.0: 0, 0.22: 0, 0.38: 1, 0.6: 0, 1.0: 0})
    ahead = _keyed(phase, {0.0: 0, 0.38: 0, 0.56: 1, 0.66: 0.9, 0.88: 0, 1.0: 0})
    raised = _keyed(phase, {0.0: 0, 0.2: 0, 0.36: 0.35, 0.44: 0.25, 0.56: 1, 0.66: 0.85, 0.88: 0, 1.0: 0})
    feet = movement.feet
    place, lift, pitch, planted = feet.place.copy(), feet.lift.copy(), feet.pitch.copy(), feet.planted.copy()
    facing = np.stack([np.sin(movement.heading), np.cos(movement.heading)], axis=1)
    for side in (0, 1):
        own = leg == side
        place[:, side] += (own * (forward * ahead - 0.12 * build.stature * back))[:, None] * facing
        lift[:, side] = own * height * raised
        pitch[:, side] = own * (0.5 * back - 0.4 * ahead)
        planted[:, side] &= ~own | (raised < 1e-6)
        sign = -1.0 if side == 0 else 1.0
        arm = "LR"[side]
        angles[f"arm_front.{arm}"] = angles[f"arm_front.{arm}"] + own * (0.4 * back - 0.5 * ahead)
        over = own * _keyed(phase, {0.0: 0, 0.18: 1, 0.86: 1, 1.0: 0})
        aside = sign * 0.85 * build.stance * over
        movement.ground[:] += aside[:, None] * np.stack([facing[:, 1], -facing[:, 0]], axis=1)
    angles["pelvis_tilt"] = -0.25 * ahead
    angles["spine_bend"] = 0.05 + 0.3 * ahead
    kicked = Feet(place, feet.heading, lift, pitch, planted)
    return Movement(movement.ground, movement.heading, movement.height, kicked, angles)


def jumping_jack(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Feet apart and arms up in one jump, back in the next."""
    each = draw(0.55, 0.7)
    number = np.floor((times_s - times_s[0]) / each)
    phase = (times_s - times_s[0]) / each - number
    in_air = np.clip((phase - 0.3) / 0.6, 0.0, 1.0)
    out = np.where(number % 2 == 0, smooth(in_air), 1 - smooth(in_air))
    jump = _GRAVITY * (0.6 * each) ** 2 / 8 * 4 * in_air * (1 - in_air)
    dip = np.sin(np.pi * np.clip(phase / 0.3, 0.0, 1.0)) ** 2
    width = draw(2.2, 3.0)
    angles = _idle(times_s, draw, arms=False)
    for side in "LR":
        angles[f"arm_side.{side}"] = draw(0.2, 0.3) + draw(2.2, 2.6) * out
        angles[f"arm_front.{side}"] = 0.1 + 0.2 * out
        angles[f"elbow.{side}"] = np.full_like(times_s, draw(0.15, 0.5))
    heading = draw(-0.6, 0.6)
    narrow, wide = (_stand(times_s, lambda low, _: low, build, heading, angles, width=w) for w in (1.0, width))
    place = narrow.feet.place + out[:, None, None] * (wide.feet.place - narrow.feet.place)
    on_floor = (in_air == 0) | (in_air == 1)
    pitch = 0.6 * np.sqrt(4 * in_air * (1 - in_air)) + 0.15 * dip
    both = np.ones(2)
    feet = Feet(
        place,
        narrow.feet.heading,
        jump[:, None] * both,
        pitch[:, None] * both,
        np.repeat(on_floor[:, None], 2, axis=1),
    )
    ground = np.repeat(narrow.ground[:1], len(times_s), axis=0)
    height = build.standing + jump - (0.05 + 0.03 * out) * build.leg * dip
    return Movement(ground, narrow.heading, height, feet, angles)


def _stand(times_s: Array, draw: Draw, build: Build, heading: float, angles: Angles, width: float = 1.0) -> Movement:
    """On both feet near the origin, the pelvis swaying between them."""
    frames = len(times_s)
    centre = np.array([draw(-0.25, 0.25), draw(-0.25, 0.25)])
    turned = np.full(frames, heading)
    left = np.stack([np.cos(turned), -np.sin(turned)], axis=1)
    front = np.stack([np.sin(turned), np.cos(turned)], axis=1)
    aside, ahead = 0.35 * build.stance * _sway(times_s, draw), 0.012 * _sway(times_s, draw)
    ground = centre + aside[:, None] * left + ahead[:, None] * front
    feet = standing_feet(np.tile(centre, (frames, 1)), turned, build, width)
    return Movement(ground, turned, np.full(frames, build.standing), feet, angles)


def _lowered(movement: Movement, height: Array, ahead: Array) -> Movement:
    """The movement with the root at ``height`` (F,) and moved ``ahead`` (F,) of where it was."""
    front = np.stack([np.sin(movement.heading), np.cos(movement.heading)], axis=1)
    ground = movement.ground + ahead[:, None] * front
    return Movement(ground, movement.heading, height, movement.feet, movement.angles)


def _idle(times_s: Array, draw: Draw, arms: bool = True) -> Angles:
    """What is never quite still."""
    angles = {
        "spine_side": 0.04 * _sway(times_s, draw),
        "spine_twist": 0.08 * _sway(times_s, draw),
        "spine_bend": 0.04 + 0.03 * _sway(times_s, draw),
        "neck_turn": 0.35 * _sway(times_s, draw),
        "neck_bend": 0.05 + 0.12 * _sway(times_s, draw),
    }
    for side in "LR" if arms else "":
        angles[f"arm_front.{side}"] = draw(0.0, 0.12) + 0.06 * _sway(times_s, draw)
        angles[f"arm_side.{side}"] = draw(0.26, 0.4) + 0.03 * _sway(times_s, draw)
        angles[f"elbow.{side}"] = draw(0.2, 0.5) + 0.1 * _sway(times_s, draw)
    return angles


def _talking(times_s: Array, draw: Draw) -> Angles:
    side, up = _either(draw), _there_and_back(times_s, draw)
    return {
        f"arm_front.{side}": 0.05 + up * (draw(0.3, 0.7) + 0.15 * _sway(times_s, draw)),
        f"arm_side.{side}": 0.32 + up * draw(0.0, 0.3),
        f"elbow.{side}": 0.3 + up * (draw(0.9, 1.3) + 0.3 * _sway(times_s, draw)),
    }


def _sway(times_s: Array, draw: Draw) -> Array:
    """A slow curve (F,) within [-1, 1] that does not repeat itself soon."""
    first, second = draw(0.15, 0.35), draw(0.4, 0.8)
    return np.asarray(
        0.65 * np.sin(2 * np.pi * (first * times_s + draw(0.0, 1.0)))
        + 0.35 * np.sin(2 * np.pi * (second * times_s + draw(0.0, 1.0)))
    )


def _there_and_back(times_s: Array, draw: Draw) -> Array:
    """0 at first, 1 in the middle and 0 at the end, smoothly (F,)."""
    part = (times_s - times_s[0]) / max(float(times_s[-1] - times_s[0]), 1e-6)
    return smooth((part - draw(0.04, 0.12)) / draw(0.25, 0.35)) - smooth((part - draw(0.6, 0.66)) / draw(0.25, 0.3))


def _keyed(phase: Array, keys: dict[float, float]) -> Array:
    """A smooth curve (F,) through values at phases, at rest at each and monotone between them."""
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(list(keys), list(keys.values()))(phase))


def _either(draw: Draw) -> str:
    return "L" if draw(0.0, 1.0) < 0.5 else "R"
