"""Sequences of the suites `canonical` and `hands`: unseen bodies or hands in unseen motions, by one camera or more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.geometry.camera import front_camera_to_world, turned
from engine.geometry.sensor_noise import KinectNoise
from external.anny.hands.motions import TEST_FAMILIES as HAND_FAMILIES
from external.anny.motions import TEST_FAMILIES as BODY_FAMILIES
from external.anny.quality import QualitySplit, choose_identities, generate_unseen
from npm_studio.suites.recorded import Recorded, render_settings
from npm_studio.suites.suite import Generated, SettingName

SUBJECTS, CHILDREN, FRAMES = 8, 3, 60
WIDEST_TURN = 60.0
"""Degrees that the camera of hands is turned away from the front, to either side."""
BODIES = QualitySplit("anny", 1234, SUBJECTS - CHILDREN, CHILDREN, tuple(BODY_FAMILIES), 1, FRAMES, 800, 2000)
HANDS = replace(BODIES, generator="hands", families=tuple(HAND_FAMILIES))


@dataclass(frozen=True)
class CanonicalSequence:
    """A depth sequence with its truth beside it."""

    name: str
    folder: Path
    is_child: bool


def make_sequences(
    split: QualitySplit,
    work: Path,
    turn: float = 0.0,
    views: int = 1,
    device: torch.device | str = "cpu",
    noise: KinectNoise | None = None,
) -> list[CanonicalSequence]:
    """Generate the subjects of ``split`` and render the first motion of each; what is in ``work`` already is kept.

    Args:
        turn: largest angle of the camera away from the front, degrees; subjects share the angles from one side to the
            other evenly.
        views: of each sequence, around it; with several, ``folder`` has them as ``view_0``, ``view_1``, ...
        noise: of the sensor, if any

    Raises:
        InputError: as `generate_unseen` says, or something else is where a sequence should go.
    """
    made, dataset = _folder_of(split, work), unseen_bodies(split, work)
    adults, children = choose_identities(split, dataset)
    chosen = sorted(adults + children)
    found = []
    for identity, angle in zip(chosen, np.linspace(-turn, turn, len(chosen)), strict=True):
        name, sequence = dataset.identities[identity], dataset.sequences_of(identity)[0]
        folder = made / f"{name}-{sequence}-{views}{'' if noise is None else '-noise'}"
        first = folder if views == 1 else folder / "view_0"
        if not (first / "truth" / "truth.json").is_file():
            _render(dataset, identity, sequence, folder, float(angle), views, device, noise)
        found.append(CanonicalSequence(f"{split.seed} {name} {sequence}", folder, identity in children))
    return found


def recorded_bodies(
    wanted: Generated, names: Sequence[str], settings: Sequence[SettingName], work: Path, device: torch.device | str
) -> Iterator[Recorded]:
    """Each of ``names`` in all ``settings``, rendered into ``work``.

    Raises:
        InputError: as `generate_unseen` says, or one of the names is not among those that are generated.
    """
    usual = HANDS if wanted.generator == "hands" else BODIES
    split = replace(usual, seed=wanted.seed, adults=wanted.adults, children=wanted.children, frames=wanted.frames)
    dataset = unseen_bodies(split, work)
    angles = np.linspace(-wanted.widest_turn, wanted.widest_turn, len(wanted.names))
    for name in names:
        identity = dataset.identity_index(name)
        pose = _pose_of(dataset, identity, float(angles[wanted.names.index(name)]))
        sequence = dataset.sequences_of(identity)[0]
        yield render_settings(dataset, (identity, sequence), settings, work / name, pose, device)


def unseen_bodies(split: QualitySplit, work: Path) -> RegisteredDataset:
    """The subjects of ``split``; what is in ``work`` already is kept.

    Raises:
        InputError: as `generate_unseen` says.
    """
    root = _folder_of(split, work) / "dataset"
    return load_registered_dataset(root) if root.is_dir() else generate_unseen(split, root)


def _folder_of(split: QualitySplit, work: Path) -> Path:
    return work / f"{split.generator}-{split.seed}-{split.adults + split.children}x{split.frames}"


def _render(
    dataset: RegisteredDataset,
    identity: int,
    sequence: str,
    folder: Path,
    angle: float,
    views: int,
    device: torch.device | str,
    noise: KinectNoise | None,
) -> None:
    pose = _pose_of(dataset, identity, angle)
    folder.parent.mkdir(parents=True, exist_ok=True)
    render_sequence(dataset, identity, sequence, folder, camera_to_world=pose, views=views, noise=noise, device=device)


def _pose_of(dataset: RegisteredDataset, identity: int, angle: float) -> NDArray[np.float64]:
    """Pose (4, 4) of a camera that is turned away from the front by ``angle`` degrees."""
    similarity = dataset.similarity_of(identity)
    return turned(front_camera_to_world(similarity), similarity, np.radians(angle))
