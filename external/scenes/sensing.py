"""The noise of a scene's sensor."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.geometry import sensor_noise, stereo_noise, time_of_flight
from external.anny.character import random_numbers
from external.scenes.clothes import dark_cloth
from external.scenes.rendering import Seen
from external.scenes.scene import NOISE, Scene

_LEAST_SCALE, _MOST_SCALE = 0.01, 0.02
"""Errors of the scale of a time-of-flight camera."""

Sense = Callable[[Seen, int], NDArray[np.float32]]
"""From what is to be seen and the number of the frame to the depth (H, W) in metres that is measured."""


def sensor_of(scene: Scene) -> tuple[Sense, dict[str, Any]]:
    """What a scene's sensor measures, and the parameters of its noise, empty without noise."""
    plan, camera = scene.plan, scene.view.camera
    if not plan.noise:
        return lambda seen, frame: seen.depth_m, {}
    random = random_numbers(plan.seed, NOISE)

    def images(seen: Seen) -> torch.Tensor:
        return torch.from_numpy(seen.depth_m)[None]

    def generator(frame: int) -> torch.Generator:
        return sensor_noise.frame_generator(plan.seed, frame, NOISE)

    if plan.sensor == "kinect":
        light = sensor_noise.KinectNoise()
        return lambda s, f: sensor_noise.add_noise(images(s), camera, light, generator(f))[0].numpy(), asdict(light)
    if plan.sensor == "realsense":
        stereo = stereo_noise.StereoNoise()
        return lambda s, f: stereo_noise.add_noise(images(s), camera, stereo, generator(f))[0].numpy(), asdict(stereo)
    error = random.uniform(_LEAST_SCALE, _MOST_SCALE) * random.choice((-1, 1))
    flight = time_of_flight.TimeOfFlightNoise(scale=float(1 + error))
    cloth = np.stack([dark_cloth(person.rig, random) for person in scene.people])

    def sense(seen: Seen, frame: int) -> NDArray[np.float32]:
        dark = torch.from_numpy((seen.subject >= 0) & cloth[seen.subject, seen.face])[None]
        return time_of_flight.add_noise(images(seen), camera, flight, generator(frame), dark)[0].numpy()

    return sense, asdict(flight) | {"dark_triangles": int(cloth.sum())}
