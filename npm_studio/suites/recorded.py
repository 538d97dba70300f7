"""A recording of a suite as it was just made, before it is kept as a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.dataset.registered import RegisteredDataset
from engine.dataset.rendering import render_sequence
from engine.geometry.sensor_noise import KinectNoise
from engine.sequences.truth import Truth, load_truth
from npm_studio.suites.suite import SettingName


@dataclass(frozen=True, eq=False)
class Recorded:
    """One recording in all settings; see `npm_studio.suites.cases.CaseFile`."""

    recordings: Mapping[SettingName, Path]
    truths: tuple[Truth, ...]
    """Of each subject."""
    counts: tuple[Mapping[str, bool], ...]
    in_room: bool = False
    sensor_scale: float = 1.0


def render_settings(
    dataset: RegisteredDataset,
    which: tuple[int, str],
    settings: Sequence[SettingName],
    out: Path,
    camera_to_world: NDArray[np.float64],
    device: torch.device | str,
) -> Recorded:
    """One sequence of ``dataset`` alone in the picture, without noise and with that of structured light.

    Args:
        which: index of the identity, and name of its sequence
        camera_to_world: (4, 4)

    Raises:
        InputError: as `engine.dataset.rendering.render_sequence` says.
    """
    identity, sequence = which
    for setting in settings:
        noise = KinectNoise() if setting == "noisy" else None
        out.mkdir(parents=True, exist_ok=True)
        render_sequence(
            dataset, identity, sequence, out / setting, camera_to_world=camera_to_world, noise=noise, device=device
        )
    truth = load_truth(out / settings[0] / "truth")
    counts = dict.fromkeys(truth.meshes.frame_names, True)
    return Recorded({setting: out / setting for setting in settings}, (truth,), (counts,))
