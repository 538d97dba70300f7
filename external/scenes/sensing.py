"""The noise of a scene's sensor."""

import numpy as np
import torch
from numpy.typing import NDArray

from engine.geometry.sensor_noise import KinectNoise, add_noise, frame_generator
from external.scenes.rendering import Seen
from external.scenes.scene import NOISE, Scene


def sensed(scene: Scene, seen: Seen, frame: int) -> NDArray[np.float32]:
    """The depth (H, W) in metres that the sensor measures in one frame."""
    if not scene.plan.noise:
        return seen.depth_m
    depth = torch.from_numpy(seen.depth_m)[None]
    return add_noise(depth, scene.view.camera, KinectNoise(), frame_generator(scene.plan.seed, frame, NOISE))[0].numpy()
