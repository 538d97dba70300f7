"""Recordings of the suite `cape-published`: sequences of a dataset that nobody may pass on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from engine.core.errors import InputError
from engine.geometry.camera import front_camera_to_world
from external.datasets import open_dataset
from npm_studio.suites.recorded import Recorded, render_settings
from npm_studio.suites.suite import Sequences, SettingName


def recorded_sequences(
    wanted: Sequences,
    names: Sequence[str],
    settings: Sequence[SettingName],
    work: Path,
    data: Path | None,
    device: torch.device | str,
) -> Iterator[Recorded]:
    """Each of ``names`` in all ``settings``, rendered into ``work``.

    Args:
        data: the dataset

    Raises:
        InputError: there is no dataset, or it lacks an identity or a sequence.
    """
    if data is None or not data.is_dir():
        what = "the dataset of this suite" if data is None else str(data)
        problem = "is not stated, and nobody may pass it on" if data is None else "there is no such folder"
        raise InputError(what, problem, wanted.get)
    dataset = open_dataset(data)
    for name in names:
        identity, _, sequence = name.partition("/")
        if identity not in dataset.identities:
            raise InputError(data, f"has no identity {identity}", wanted.get)
        index = dataset.identity_index(identity)
        if sequence not in dataset.sequences_of(index):
            raise InputError(data, f"has no sequence {sequence} of {identity}", wanted.get)
        pose = front_camera_to_world(dataset.similarity_of(index))
        yield render_settings(dataset, (index, sequence), settings, work / identity / sequence, pose, device)
