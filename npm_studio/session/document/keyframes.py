"""What an interpolation makes of its keyframes: frames, codes, and other keyframes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.models.code_path import CodePath
from npm_studio.session.document.explorer import Codes, tensor_of
from npm_studio.session.document.state import Exploration, Interpolation, Keyframe

FRAME_RATE = 30.0
"""Frames per second of an interpolation."""
LONGEST_S = 600.0
"""That an interpolation may take."""
MOST_KEYS = 24
_STEP_S = 1 / FRAME_RATE
_AFTER_S = 1.0
"""After the last keyframe that one is added behind it."""


def duration(now: Interpolation) -> float:
    """Seconds from the first keyframe to the last."""
    return now.keys[-1].time_s


def frames_there(now: Interpolation) -> int:
    """Frames from the first keyframe to the last, both included."""
    return round(duration(now) * FRAME_RATE) + 1


def frame_count(now: Interpolation) -> int:
    """Frames that are played: there, or there and back."""
    there = frames_there(now)
    return 2 * there - 2 if now.there_and_back else there


def frame_there(now: Interpolation, frame: int) -> int:
    """Of the way there, where ``frame`` of what is played is."""
    last = frames_there(now) - 1
    return min(frame if frame <= last else 2 * last - frame, last)


def frame_names(now: Interpolation) -> tuple[str, ...]:
    """Of all that are played: ``0.40 s``, and on the way back ``0.40 s, back``."""
    last = frames_there(now) - 1
    return tuple(
        f"{frame_there(now, frame) / FRAME_RATE:.2f} s{', back' if frame > last else ''}"
        for frame in range(frame_count(now))
    )


def path_time(now: Interpolation, frame: int, even: NDArray[np.float64] | None = None) -> float:
    """Seconds, among those of the keyframes, of the body at ``frame``; ``even`` as in `codes_at`."""
    there = frame_there(now, frame)
    return there / FRAME_RATE if even is None else float(even[there])


def place_in_words(now: Interpolation, frame: int, even: NDArray[np.float64] | None = None) -> tuple[str, str]:
    """Between which keyframes ``frame`` is, and how far: ``Tall  →  Lean``, ``20% of the way · 0.40 s of 2.00 s``.

    Args:
        even: as in `codes_at`
    """
    time, at = frame_there(now, frame) / FRAME_RATE, path_time(now, frame, even)
    times = [key.time_s for key in now.keys]
    after = min(max(int(np.searchsorted(times, at - 1e-9)), 1), len(times) - 1)
    start, end = now.keys[after - 1], now.keys[after]
    share = (at - start.time_s) / (end.time_s - start.time_s)
    back = ", going back" if frame > frames_there(now) - 1 else ""
    return (
        f"{start.body.shape_name}  →  {end.body.shape_name}",
        f"{share:.0%} of the way · {time:.2f} s of {times[-1]:.2f} s{back}",
    )


def frame_of(now: Interpolation, place: int, even: NDArray[np.float64] | None = None) -> int:
    """Where on the way there the keyframe at ``place`` is; ``even`` as in `codes_at`."""
    time_s = now.keys[place].time_s
    return round(time_s * FRAME_RATE) if even is None else int(np.abs(even - time_s).argmin())


def path_of(now: Interpolation) -> CodePath:
    """The path of codes through the keyframes.

    A keyframe in the canonical pose keeps the pose of the one before; where the first has none, all are canonical.
    """
    bodies = [key.body for key in now.keys]
    shapes = torch.stack([tensor_of((bodies[0] if now.space == "pose" else body).shape) for body in bodies])
    poses = None
    if (pose := bodies[0].pose) is not None:
        kept = []
        for body in bodies:
            pose = pose if now.space == "shape" or body.pose is None else body.pose
            kept.append(tensor_of(pose))
        poses = torch.stack(kept)
    return CodePath(shapes, poses, np.array([key.time_s for key in now.keys]), now.smooth)


def codes_at(now: Interpolation, frames: Sequence[int], even: NDArray[np.float64] | None = None) -> list[Codes]:
    """Codes of ``frames`` of what is played.

    Args:
        even: (F,) times of the frames there at which the surface has moved by equal amounts; None for equal times
    """
    path = path_of(now)
    times = path.evenly(frames_there(now)) if even is None else even
    return [Codes(*codes) for codes in path.at(times[[frame_there(now, frame) for frame in frames]])]


# ---- other keyframes


def with_key(now: Interpolation, body: Exploration, time_s: float) -> Interpolation:
    """With ``body`` at ``time_s``, or behind the last keyframe where one is there already or the way is at its end.

    Where the way cannot become longer, nothing is added.
    """
    time_s = _on_frame(time_s)
    is_taken = any(abs(key.time_s - time_s) < _STEP_S / 2 for key in now.keys)
    if is_taken or time_s > duration(now):
        time_s = min(duration(now) + _AFTER_S, LONGEST_S)
        if time_s < duration(now) + _STEP_S / 2:
            return now
    added = Keyframe(time_s, body)
    return _sorted(now, [*now.keys, added], added)


def with_time(now: Interpolation, place: int, time_s: float) -> Interpolation:
    """With the keyframe at ``place`` at another time, at least a frame from any other; the first is always at zero."""
    if place == 0:
        return now
    low = now.keys[place - 1].time_s + _STEP_S
    high = now.keys[place + 1].time_s - _STEP_S if place + 1 < len(now.keys) else LONGEST_S
    moved = replace(now.keys[place], time_s=_on_frame(min(max(time_s, low), high)))
    return _within(replace(now, keys=(*now.keys[:place], moved, *now.keys[place + 1 :])))


def with_body(now: Interpolation, place: int, body: Exploration) -> Interpolation:
    """With another body for the keyframe at ``place``."""
    changed = replace(now.keys[place], body=body)
    return replace(now, keys=(*now.keys[:place], changed, *now.keys[place + 1 :]))


def without_key(now: Interpolation, place: int) -> Interpolation:
    """Without the keyframe at ``place``; two always stay."""
    if len(now.keys) <= 2:
        return now
    left = [key for index, key in enumerate(now.keys) if index != place]
    return _sorted(now, left, left[min(place, len(left) - 1)])


def backwards(now: Interpolation) -> Interpolation:
    """The other way round."""
    last = duration(now)
    keys = tuple(Keyframe(_on_frame(last - key.time_s), key.body) for key in reversed(now.keys))
    return replace(now, keys=keys, card=len(keys) - 1 - now.card)


def _sorted(now: Interpolation, keys: list[Keyframe], chosen: Keyframe) -> Interpolation:
    """With ``keys`` in the order of their times, the first at zero; the card is that of ``chosen``, one of them."""
    keys = sorted(keys, key=lambda key: key.time_s)
    card = next(place for place, key in enumerate(keys) if key is chosen)
    start = keys[0].time_s
    shifted = tuple(replace(key, time_s=_on_frame(key.time_s - start)) for key in keys)
    return _within(replace(now, keys=shifted, card=card))


def _within(now: Interpolation) -> Interpolation:
    return replace(now, frame=min(now.frame, frame_count(now) - 1))


def _on_frame(time_s: float) -> float:
    return round(time_s * FRAME_RATE) / FRAME_RATE
