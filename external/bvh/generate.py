"""Registered datasets of Anny bodies that move as motion capture says: `generate_from_bvh`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting
from engine.core.files import natural_key
from engine.core.progress import Progress
from external.anny.generate import CATEGORY, body_name, sample_bodies
from external.anny.writing import PATHS, Description, Identity, check_request, write_dataset
from external.bvh.clip import BvhClip
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from external.bvh.retargeted_clip import RetargetedClip


@dataclass(frozen=True)
class ClipRequest:
    """What is made of each clip."""

    fps: float = 15.0
    """Frames per second that are taken, at most those that it has."""
    frames: int | None = None
    """Take this many frames instead, evenly over the clip."""
    with_paths: bool = False
    """Also write where each body was in the world, to ``paths/<identity>/<sequence>.npy``: (F, 4, 4) rigid transforms
    to the world, in metres, of a body with its root at the origin."""


def generate_from_bvh(
    motion: Path,
    out: Path,
    identities: int,
    seed: int,
    request: ClipRequest = ClipRequest(),
    progress: Progress | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Write a registered dataset of random Anny bodies, each of which does every motion.

    Args:
        motion: a BVH file, or a folder whose BVH files are taken, at any depth.
        out: folder to make; a dataset that is already there is replaced.
        identities: number of bodies; those of `external.anny.generate.generate_dataset` for the same seed.
        seed: of the bodies.
        request: what is made of each clip.
        workers: processes; one per core by default.

    Returns:
        Counts of ``clips``, ``sequences`` and ``frames`` written, and the names of clips ``left_out`` as unreadable.

    Raises:
        InputError: a count makes no sense, no clip can be used, or ``out`` is something else than a dataset. A file
            of a folder that cannot be read is named to ``progress`` and left out, a single one is refused.
        Cancelled: ``progress`` asked to stop; ``out`` is left as it was.
    """
    progress = progress or Progress()
    fps, frames = request.fps, request.frames
    check_request(out, {Setting.IDENTITIES: identities} | ({} if frames is None else {Setting.FRAMES: frames}), seed)
    if not 0 < fps < np.inf:
        raise InputError(Choice(Setting.FRAME_RATE, f"{fps:g}"), "must be above 0")
    motions = _read_motions(motion, request, progress)
    character, bodies, phenotypes = sample_bodies(identities, seed, progress)
    clips, taken = motions.clips, motions.taken.values()
    rate = fps if frames is None else sum(clip["frames"] for clip in taken) / sum(clip["seconds"] for clip in taken)
    recipe = {
        "generator": "anny bvh",
        "identities": identities,
        "fps": None if frames else fps,
        "frames": frames,
        "seed": seed,
        "clips": motions.taken,
        "phenotypes": phenotypes,
    } | ({"paths": PATHS} if request.with_paths else {})
    written = write_dataset(
        out,
        [character],
        [Identity(body_name(index), 0, body, clips) for index, body in enumerate(bodies)],
        Description("anny-bvh", CATEGORY, rate, recipe),
        progress,
        workers,
    )
    return {
        "clips": len(clips),
        "sequences": sum(len(own) for own in written.values()),
        "frames": sum(sum(own.values()) for own in written.values()),
        "left_out": motions.left_out,
    }


@dataclass(frozen=True)
class _Motions:
    clips: list[RetargetedClip]
    taken: dict[str, dict[str, Any]]
    """What the dataset's description says of each clip."""
    left_out: list[str]
    """Files that cannot be used."""


def _read_motions(motion: Path, request: ClipRequest, progress: Progress) -> _Motions:
    """
    Raises:
        InputError: as `generate_from_bvh` says.
    """
    files = _find_files(motion)
    motions = _Motions([], {}, [])
    progress.stage("motions", len(files))
    for number, path in enumerate(files):
        try:
            clip = read_bvh(path)
            rows = _sample(clip, request.fps, request.frames)
            name = f"{number:02d}_" + re.sub(r"[^A-Za-z0-9-]+", "_", path.stem)[:60]
            moving = body_motion(clip, rows)
            for notice in (*clip.notices, *moving.notices):
                progress.notice(notice)
            motions.clips.append(RetargetedClip(name, moving, request.with_paths))
            seconds = round(len(clip.values) * clip.seconds_per_frame, 4)
            motions.taken[name] = {"file": path.name, "frames": len(rows), "seconds": seconds}
        except InputError as error:
            if motion.is_file():
                raise
            motions.left_out.append(path.name)
            progress.notice(error.as_notice("left out"))
        progress.advance(number + 1)
    if not motions.clips:
        raise InputError(motion, "holds no motion that can be used", "each file was left out for a reason of its own")
    return motions


def _find_files(motion: Path) -> Sequence[Path]:
    if motion.is_file():
        return [motion]
    if not motion.is_dir():
        raise InputError(motion, "no such file or folder")
    files = sorted((p for p in motion.rglob("*") if p.suffix.lower() == ".bvh" and p.is_file()), key=natural_key)
    if not files:
        raise InputError(motion, "holds no .bvh files", "name a BVH file or a folder with some")
    return files


def _sample(clip: BvhClip, fps: float, frames: int | None) -> NDArray[np.int64]:
    """Frames to take: the nearest ones to even times, none of them twice."""
    count = len(clip.values)
    if frames is None:
        times = np.arange(0.0, count, max(1.0 / (fps * clip.seconds_per_frame), 1.0))
    else:
        times = (np.arange(frames) + 0.5) * count / frames - 0.5
    return np.unique(np.clip(np.rint(times), 0, count - 1).astype(np.int64))
