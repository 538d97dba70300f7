"""Checkpoints as the published NPM code writes them, built from scratch, and what its formulas give."""

import json
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from external.npms.checkpoint import POSE, SHAPE, Sources, import_checkpoint

State = OrderedDict[str, Tensor]


@dataclass(frozen=True)
class Net:
    """What the configuration of a published decoder says."""

    code_size: int
    outputs: int
    width: int
    layers: int = 8
    skip: int = 4
    bands: int = 8
    """0: no positional encoding."""
    weight_norm: bool = True
    layer_norm: bool = False
    xyz_in_all: bool = False

    def sizes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer, by the published rule."""
        embedded = self.code_size + 3 + 6 * self.bands
        dims = [embedded, *[self.width] * self.layers, self.outputs]
        sizes = []
        for index in range(self.layers + 1):
            out = dims[index + 1]
            if index + 1 == self.skip:
                out -= embedded
            elif self.xyz_in_all and index != self.layers:
                out -= 3
            sizes.append((dims[index], out))
        return sizes

    def tensors(self, generator: torch.Generator) -> State:
        state: State = OrderedDict()
        for index, (before, after) in enumerate(self.sizes()):
            weight = torch.randn(after, before, generator=generator)
            if index == self.layers:
                weight *= 0.5
            bias = 0.1 * torch.randn(after, generator=generator)
            if self.weight_norm and index < self.layers:
                state[f"lin{index}.bias"] = bias
                state[f"lin{index}.weight_g"] = 1.4 + 0.1 * torch.randn(after, 1, generator=generator)
                state[f"lin{index}.weight_v"] = weight
                continue
            state[f"lin{index}.weight"], state[f"lin{index}.bias"] = weight * (2 / before) ** 0.5, bias
            if self.layer_norm and index < self.layers:
                state[f"bn{index}.weight"] = 1 + 0.1 * torch.randn(after, generator=generator)
                state[f"bn{index}.bias"] = 0.1 * torch.randn(after, generator=generator)
        return state

    def evaluate(self, state: State, code: Tensor, points: Tensor) -> NDArray[np.float64]:
        """The last layer (P, outputs) for one code (C,) at points (P, 3)."""
        arrays = {name: value.numpy().astype(np.float64) for name, value in state.items()}
        xyz = points.numpy()
        # angles in float32, as the network forms them: at the highest band a float64 angle is another one
        scaled = np.float32(3.141592) * xyz
        waves = [wave(scaled * np.float32(2**k)) for k in range(self.bands) for wave in (np.sin, np.cos)]
        seen = np.concatenate([scaled, *waves], axis=1) if self.bands else xyz
        inputs = np.concatenate([np.tile(code.numpy(), (len(xyz), 1)), seen], axis=1).astype(np.float64)
        hidden = inputs
        for index in range(self.layers + 1):
            if index == self.skip:
                hidden = np.concatenate([hidden, inputs], axis=1)
            elif index > 0 and self.xyz_in_all:
                hidden = np.concatenate([hidden, xyz], axis=1)
            if self.weight_norm and index < self.layers:
                v = arrays[f"lin{index}.weight_v"]
                weight = arrays[f"lin{index}.weight_g"] * v / np.sqrt((v**2).sum(axis=1, keepdims=True))
            else:
                weight = arrays[f"lin{index}.weight"]
            hidden = hidden @ weight.T + arrays[f"lin{index}.bias"]
            if index == self.layers:
                return hidden
            if self.layer_norm:
                centred = hidden - hidden.mean(axis=1, keepdims=True)
                hidden = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
                hidden = hidden * arrays[f"bn{index}.weight"] + arrays[f"bn{index}.bias"]
            hidden = np.maximum(hidden, 0)
        raise AssertionError


def warped(raw: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rigid motion of each point by Hamilton products q p conj(q), q = (v sin|v| / |v|, cos|v|), scalar last."""

    def product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        vector = a[:, 3:] * b[:, :3] + b[:, 3:] * a[:, :3] + np.cross(a[:, :3], b[:, :3])
        return np.concatenate([vector, a[:, 3:] * b[:, 3:] - (a[:, :3] * b[:, :3]).sum(1, keepdims=True)], axis=1)

    v, pivot, translation = raw[:, :3], raw[:, 3:6], raw[:, 6:]
    angle = np.sqrt((v**2).sum(axis=1, keepdims=True))
    quaternion = np.concatenate([v * np.sin(angle) / angle, np.cos(angle)], axis=1)
    pure = np.concatenate([points - pivot, np.zeros((len(points), 1))], axis=1)
    return product(product(quaternion, pure), quaternion * [-1, -1, -1, 1])[:, :3] + pivot + translation


VARIANTS = {
    "384_translation_weight_norm_encoded": (Net(384, 1, 512), Net(768, 3, 1024)),
    "256_translation_weight_norm_encoded": (Net(256, 1, 512), Net(512, 3, 1024)),
    "256_rigid_weight_norm_encoded": (Net(256, 1, 320), Net(512, 9, 576)),
    "384_translation_layer_norm_plain_points": (
        Net(384, 1, 400, bands=0, weight_norm=False, layer_norm=True),
        Net(768, 3, 784, bands=0, weight_norm=False, layer_norm=True),
    ),
    "256_rigid_layer_norm_shape_encoded": (
        Net(256, 1, 320, 6, 3, bands=8, weight_norm=False, layer_norm=True),
        Net(512, 9, 528, 5, 2, bands=0, weight_norm=False, layer_norm=True),
    ),
    "256_rigid_weight_norm_xyz_in_all": (
        Net(256, 1, 320, xyz_in_all=True, bands=6),
        Net(512, 9, 576, 6, 4, xyz_in_all=True, bands=4),
    ),
}
SMALL = Net(6, 1, 32, 3, 2, bands=2), Net(10, 3, 48, 3, 1, bands=2)
IDENTITIES, FRAMES = 3, 5


def checkpoint(nets: tuple[Net, Net] = SMALL, frames: int = FRAMES, seed: int = 0) -> dict[str, Any]:
    shape, pose = nets
    generator = torch.Generator().manual_seed(seed)
    return {
        "epoch": 150,
        SHAPE: shape.tensors(generator),
        POSE: pose.tensors(generator),
        "shape_codes": torch.randn(IDENTITIES, 1, shape.code_size, generator=generator),
        "pose_codes": torch.randn(frames, 1, pose.code_size - shape.code_size, generator=generator),
        "optimizer_state_dict": {"state": {}, "param_groups": []},
    }


def saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def refusal(sources: Sources) -> str:
    with pytest.raises(InputError) as caught:
        import_checkpoint(sources, "x")
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 600
    return line


class Runs:
    """Runs a command when it is unpickled freely."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def encoder_tensors(code_size: int, resolution: int, channels: list[int], generator: torch.Generator) -> State:
    def noise(*shape: int, scale: float = 0.1) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    state: State = OrderedDict()

    def convolution(name: str, before: int, after: int, normed: str | None) -> None:
        state[f"{name}.weight"] = noise(after, before, 3, 3, 3, scale=(2 / 27 / before) ** 0.5)
        state[f"{name}.bias"] = noise(after)
        if normed:
            state[f"{normed}.weight"], state[f"{normed}.bias"] = 1 + noise(after), noise(after)
            state[f"{normed}.running_mean"], state[f"{normed}.running_var"] = noise(after), 1 + noise(after).abs()
            state[f"{normed}.num_batches_tracked"] = torch.tensor(1234)

    last = {128: 3, 256: 4}[resolution]
    convolution("conv_in.0.0", 1, channels[0], "conv_in.0.1")
    for index in range(last + 1):
        before, after = channels[index : index + 2]
        convolution(f"conv_{index}.0.0", before, after, f"conv_{index}.0.1")
        if index < last:
            for block in ("block0", "block1"):
                convolution(f"conv_{index}_1.{block}.0", after, after, f"conv_{index}_1.{block}.1")
        else:
            convolution(f"conv_{index}_1", after, after, None)
    state["fc_0.weight"] = noise(2 * code_size, after * 64, 1)
    state["fc_0.bias"] = noise(2 * code_size)
    state["fc_out.weight"], state["fc_out.bias"] = noise(code_size, 2 * code_size, 1), noise(code_size)
    return state


def write_labels(path: Path, entries: list[tuple[int, str, str]], dataset: str = "cape") -> Path:
    keys = ("identity_id", "identity_name", "animation_name")
    labels = [
        {"dataset": dataset, **dict(zip(keys, entry, strict=True)), "sample_id": f"{index:06d}"}
        for index, entry in enumerate(entries)
    ]
    path.write_text(json.dumps(labels))
    return path


TPOSES = [(0, "anna", "a_t_pose"), (1, "ben", "a_t_pose"), (2, "cleo", "a_t_pose")]


MOTIONS = [(0, "anna", "hips"), (0, "anna", "hips"), (1, "ben", "squat"), (2, "cleo", "squat"), (0, "anna", "squat")]
