"""Command lines that do what a workspace of the window shows."""

import shlex
from pathlib import Path

from engine.models.model import NeuralParametricModel
from npm_studio.session.document.keyframes import frames_there
from npm_studio.session.document.state import Exploration, Interpolation, Transfer


def interpolation_needs_file(model: NeuralParametricModel, now: Interpolation) -> bool:
    """Whether a keyframe is no training code, so that the command line has to read it from a file."""
    names = _names(model, now)
    return None in names or (now.space != "shape" and any(key.body.pose is None for key in now.keys))


def interpolation_command(
    place: Path, model: NeuralParametricModel, now: Interpolation, codes: Path | None = None
) -> str:
    """`npm-studio interpolate` with the model at ``place``.

    Args:
        codes: the file with the keyframes, where they are not named
    """
    words = ["npm-studio", "interpolate", "--model", str(place)]
    if codes is not None:
        words += ["--keyframes", str(codes)]
    else:
        names = [str(name) for name in _names(model, now)]
        words += ["--from", names[0], *(["--through", *names[1:-1]] if len(names) > 2 else []), "--to", names[-1]]
    words += ["--space", now.space, "--steps", str(frames_there(now))]
    if now.constant_speed:
        words.append("--constant-speed")
    else:
        words += ["--times", *(f"{key.time_s:g}" for key in now.keys)]
    words += ["--smooth"] if now.smooth else []
    return shlex.join([*words, "--out", "interpolation"])


def transfer_command(place: Path, model: NeuralParametricModel, now: Transfer) -> str | None:
    """`npm-studio transfer` with the model at ``place``; None where a body or the pose is no training code."""
    if any(body.identity is None for body in now.bodies):
        return None
    onto = ["--to", *(model.info.identities[body.identity] for body in now.bodies if body.identity is not None)]
    words = ["npm-studio", "transfer"]
    if now.run is not None:
        words += ["--run", str(now.run)]
    elif now.source.row is not None:
        frame = model.info.frames[now.source.row]
        words += ["--model", str(place), "--pose-from", model.info.identities[frame.identity], "--frames", str(frame)]
    else:
        return None
    return shlex.join([*words, *onto, "--out", "transfer"])


def _names(model: NeuralParametricModel, now: Interpolation) -> list[str | None]:
    """Of the keyframes; only the first has a frame where the shape alone changes."""
    return [_name(model, key.body, now.space != "shape" or place == 0) for place, key in enumerate(now.keys)]


def _name(model: NeuralParametricModel, body: Exploration, with_frame: bool) -> str | None:
    """``IDENTITY:FRAME`` of training codes; None where there is none."""
    if body.identity is None:
        return None
    name = model.info.identities[body.identity]
    if not with_frame or body.pose is None:
        return name
    if body.row is None or not model.info.frames[body.row].of(body.identity):
        return None
    return f"{name}:{model.info.frames[body.row]}"
