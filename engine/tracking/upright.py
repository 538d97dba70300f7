"""Which way is up in the first frame of a source that does not say it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice
from engine.geometry.camera import PinholeCamera
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame
from engine.sequences.vertical import stand_upright


def world_turn(
    frame: DepthFrame, camera: PinholeCamera, world: World, model: NeuralParametricModel
) -> tuple[NDArray[np.float64], tuple[Notice, ...]]:
    """Rigid motion (4, 4) from the world of the source to one with Y up, and what is to be said of that where it was
    guessed; the identity where the source has Y up."""
    if frame.camera_to_world is not None and world is not World.ARBITRARY:
        return np.eye(4), ()
    sequence = DepthSequence(
        name=frame.name,
        root=Path(frame.name),
        camera=camera,
        frame_names=(frame.name,),
        times_s=np.zeros(1),
        read_frame=lambda index: frame.depth_m,
        cameras_to_world=None if frame.camera_to_world is None else frame.camera_to_world[None],
        world=World.ARBITRARY,
    )
    turned = stand_upright(sequence, replace(sequence), model)
    return turned.camera_at(0) @ np.linalg.inv(sequence.camera_at(0)), turned.warnings
