"""Checkpoints in the layout of the published NPM code, built from scratch: imported, evaluated, exported, equal.

The networks are evaluated here by their published formulas from the tensors alone, in numpy.
"""

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.checkpoint import load_model, save_model
from engine.errors import InputError
from engine.networks.decoder import ShapeDecoder
from external.npms.checkpoint import (
    POSE,
    SHAPE,
    UNKNOWN_SEQUENCE,
    Sources,
    export_checkpoint,
    export_encoder,
    import_checkpoint,
)
from tests.toy import toy_model
from tests.unit.test_networks_encoder import by_hand

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


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return saved(checkpoint(), tmp_path / "small.tar")


def same(left: State, right: State) -> bool:
    return list(left) == list(right) and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("nets", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_checkpoint_is_imported_evaluated_and_exported_unchanged(nets: tuple[Net, Net], tmp_path: Path) -> None:
    shape, pose = nets
    content = checkpoint(nets)
    model = import_checkpoint(Sources(saved(content, tmp_path / "official.tar")), "official")
    save_model(model, tmp_path / "official.npm")
    model = load_model(tmp_path / "official.npm")

    points = torch.rand(40, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    shape_code, pose_code = content["shape_codes"][1, 0], content["pose_codes"][3, 0]
    expected = np.tanh(shape.evaluate(content[SHAPE], shape_code, points))[:, 0]
    distances = model.sdf(model.shape_codes[1:2], points[None])[0].numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(distances, expected, atol=1e-5)

    raw = pose.evaluate(content[POSE], torch.cat((shape_code, pose_code)), points)
    expected = warped(raw, points.numpy()) if pose.outputs == 9 else points.numpy() + raw
    posed = model.pose(model.shape_codes[1:2], model.pose_codes[3:4], points[None])[0].numpy()
    np.testing.assert_allclose(posed, expected, atol=1e-5)

    export_checkpoint(model, tmp_path / "again.tar")
    again = torch.load(tmp_path / "again.tar", weights_only=True)
    assert list(again) == list(content)
    assert again["epoch"] == 150
    assert same(again[SHAPE], content[SHAPE])
    assert same(again[POSE], content[POSE])
    assert torch.equal(again["shape_codes"], content["shape_codes"])
    assert torch.equal(again["pose_codes"], content["pose_codes"])


def test_dimensions_are_inferred_from_the_tensors(tmp_path: Path) -> None:
    nets = VARIANTS["256_rigid_weight_norm_xyz_in_all"]
    model = import_checkpoint(Sources(saved(checkpoint(nets), tmp_path / "x.tar")), "x")
    shape, pose = model.shape_decoder.config, model.pose_decoder.config
    assert (shape.width, shape.layers, shape.skip_layer, shape.frequencies) == (320, 8, 4, 6)
    assert (pose.width, pose.layers, pose.skip_layer, pose.frequencies) == (576, 6, 4, 4)
    assert (shape.xyz_in_all, pose.xyz_in_all, shape.se3, pose.se3) == (True, True, False, True)
    assert (model.shape_decoder.code_size, model.pose_decoder.pose_code_size) == (256, 256)


def test_names_with_the_prefix_of_several_devices_are_understood(tmp_path: Path) -> None:
    content = checkpoint()
    plain = import_checkpoint(Sources(saved(content, tmp_path / "plain.tar")), "x")
    for key in (SHAPE, POSE):
        content[key] = OrderedDict((f"module.{name}", value) for name, value in content[key].items())
    model = import_checkpoint(Sources(saved(content, tmp_path / "parallel.tar")), "x")
    assert same(model.pose_decoder.state_dict(), plain.pose_decoder.state_dict())


def test_numbers_of_other_precision_become_float32(tmp_path: Path) -> None:
    content = checkpoint()
    content["shape_codes"] = content["shape_codes"].double()
    content[SHAPE] = OrderedDict((name, value.half()) for name, value in content[SHAPE].items())
    model = import_checkpoint(Sources(saved(content, tmp_path / "x.tar")), "x")
    assert {value.dtype for value in (model.shape_codes, *model.shape_decoder.parameters())} == {torch.float32}


def test_a_file_of_an_old_version_of_pytorch_is_read(small: Path, tmp_path: Path) -> None:
    """Up to 1.13 there was no record of the byte order, and nothing promised where in the file a tensor begins."""
    with zipfile.ZipFile(small) as new, zipfile.ZipFile(tmp_path / "old.tar", "w") as old:
        for name in new.namelist():
            record = name.split("/", 1)[1]
            if record in ("data.pkl", "version") or record.startswith("data/"):
                old.writestr(f"archive/{record}", new.read(name))
    plain, model = (import_checkpoint(Sources(path), "x") for path in (small, tmp_path / "old.tar"))
    assert same(model.shape_decoder.state_dict(), plain.shape_decoder.state_dict())
    assert torch.equal(model.pose_codes, plain.pose_codes)


# The shape stage: its files have a random pose part.


def trained_groups(content: dict[str, Any], groups: tuple[int, ...]) -> dict[str, Any]:
    """State of Adam after steps in which the parameters of ``groups`` (of 4) had gradients."""
    counts = [len(content[SHAPE]), len(content[POSE]), 1, 1]
    state: dict[int, Any] = {}
    param_groups, start = [], 0
    for group, count in enumerate(counts):
        numbers = list(range(start, start + count))
        param_groups.append({"lr": 5e-4, "params": numbers})
        if group in groups:
            state |= {number: {"step": 5, "exp_avg": torch.zeros(1)} for number in numbers}
        start += count
    return {"state": state, "param_groups": param_groups}


@pytest.mark.parametrize(("frames", "groups"), [(IDENTITIES, (0, 2)), (IDENTITIES, ()), (FRAMES, (0, 2, 3))])
def test_a_file_of_the_shape_stage_gives_a_model_without_pose_part(
    frames: int, groups: tuple[int, ...], tmp_path: Path
) -> None:
    content = checkpoint(frames=frames)
    content["optimizer_state_dict"] = trained_groups(content, groups)
    model = import_checkpoint(Sources(saved(content, tmp_path / "stage1.tar")), "x")
    assert not model.has_pose
    assert model.info.frames == ()
    assert torch.equal(model.shape_codes, content["shape_codes"][:, 0])


def test_a_pose_part_that_was_trained_is_kept_however_many_frames_there_are(tmp_path: Path) -> None:
    content = checkpoint(frames=IDENTITIES)
    content["optimizer_state_dict"] = trained_groups(content, (1, 3))
    assert import_checkpoint(Sources(saved(content, tmp_path / "stage2.tar")), "x").has_pose


def test_a_model_without_pose_part_is_exported_as_the_shape_stage_writes_it(tmp_path: Path) -> None:
    content = checkpoint(VARIANTS["256_translation_weight_norm_encoded"], IDENTITIES)
    model = import_checkpoint(Sources(saved(content, tmp_path / "stage1.tar")), "x")
    export_checkpoint(model, tmp_path / "again.tar")
    again = torch.load(tmp_path / "again.tar", weights_only=True)
    assert same(again[SHAPE], content[SHAPE])
    assert [value.shape for value in again[POSE].values()] == [value.shape for value in content[POSE].values()]
    assert again["pose_codes"].shape == (IDENTITIES, 1, 256)
    assert not import_checkpoint(Sources(tmp_path / "again.tar"), "x").has_pose


def test_shape_and_pose_may_come_from_two_files(tmp_path: Path) -> None:
    shape_stage, pose_stage = checkpoint(frames=IDENTITIES), checkpoint()
    pose_stage["shape_codes"] = shape_stage["shape_codes"][[2, 0]]  # trained on two of the identities
    sources = Sources(
        saved(shape_stage, tmp_path / "shape.tar"),
        saved(pose_stage, tmp_path / "pose.tar"),
        labels=tmp_path / "labels.json",
    )
    write_labels(
        tmp_path / "labels.json", [(0, "c", "run"), (0, "c", "run"), (1, "a", "run"), (1, "a", "x"), (0, "c", "x")]
    )
    model = import_checkpoint(sources, "both")
    assert [frame.identity for frame in model.info.frames] == [2, 2, 0, 0, 2]
    assert model.info.identities == ("a", "identity_001", "c")
    assert same(model.pose_decoder.state_dict(), pose_stage[POSE])
    assert model.info.training["imported"]["files"] == ["shape.tar", "pose.tar"]


def test_a_pose_part_of_other_shape_codes_is_refused(tmp_path: Path) -> None:
    shape, pose = saved(checkpoint(), tmp_path / "a.tar"), saved(checkpoint(seed=1), tmp_path / "b.tar")
    assert "other shape codes than those of a.tar" in refusal(Sources(shape, pose))


# What the published code does with an exported file.


class PublishedDecoder(nn.Module):
    """The tensors that the published constructor makes of its arguments."""

    def __init__(self, inputs: int, outputs: int, arguments: dict[str, Any]) -> None:
        super().__init__()
        dims = [inputs, *arguments["dims"], outputs]
        for index in range(len(dims) - 1):
            out = dims[index + 1]
            if index + 1 in arguments["latent_in"]:
                out -= dims[0]
            layer = nn.Linear(dims[index], out)
            if index in arguments["norm_layers"]:
                layer = nn.utils.weight_norm(layer)
            self.add_module(f"lin{index}", layer)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
def test_an_export_loads_into_the_published_modules_and_optimiser(tmp_path: Path) -> None:
    """Also of a model of ours, whose skip keeps the full width."""
    model = toy_model()
    settings = export_checkpoint(model, tmp_path / "ours.tar")
    content = torch.load(tmp_path / "ours.tar", weights_only=True)
    groups = []
    for key, kind, outputs in ((SHAPE, "shape_decoder", 1), (POSE, "pose_decoder", 3)):
        arguments = settings[kind]
        module = PublishedDecoder(arguments["latent_size"] + 27, outputs, arguments)
        module.load_state_dict(content[key], strict=True)
        assert list(module.state_dict()) == list(content[key])
        groups.append({"params": list(module.parameters())})
    codes = [nn.Parameter(content[key]) for key in ("shape_codes", "pose_codes")]
    assert codes[0].shape == (len(model.info.identities), 1, 8)
    assert codes[1].shape == (len(model.info.frames), 1, 8)
    optimizer = torch.optim.Adam([*groups, *({"params": [code]} for code in codes)])
    optimizer.load_state_dict(content["optimizer_state_dict"])
    assert [group["lr"] for group in optimizer.param_groups] == [5e-4, 5e-4, 1e-3, 1e-3]
    codes[0].sum().backward()
    optimizer.step()


def test_a_model_of_ours_survives_export_and_import(tmp_path: Path) -> None:
    model = toy_model()
    export_checkpoint(model, tmp_path / "ours.tar")
    copy = import_checkpoint(Sources(tmp_path / "ours.tar"), "copy")
    assert copy.shape_decoder.config == model.shape_decoder.config
    assert copy.pose_decoder.config == model.pose_decoder.config
    points = torch.rand(1, 50, 3) - 0.5
    arguments = (model.shape_codes[:1], model.pose_codes[:1], points)
    torch.testing.assert_close(copy.pose(*arguments), model.pose(*arguments), atol=1e-6, rtol=0)


def test_what_the_published_code_cannot_do_is_not_exported(small: Path, tmp_path: Path) -> None:
    model = import_checkpoint(Sources(small), "x")
    config = replace(model.shape_decoder.config, tanh=False)
    with pytest.raises(InputError, match="tanh"):
        export_checkpoint(replace(model, shape_decoder=ShapeDecoder(6, config)), tmp_path / "no.tar")
    config = replace(model.shape_decoder.config, frequencies=0)
    with pytest.raises(InputError, match="without any band"):
        export_checkpoint(replace(model, shape_decoder=ShapeDecoder(6, config)), tmp_path / "no.tar")
    assert not (tmp_path / "no.tar").exists()


# Encoders.


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


@pytest.mark.parametrize(("resolution", "channels"), [(128, [2, 3, 4, 5, 6]), (256, [1, 2, 2, 3, 4, 5])])
def test_encoders_are_imported_evaluated_and_exported_unchanged(
    resolution: int, channels: list[int], small: Path, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    states = {
        kind: encoder_tensors(size, resolution, channels, generator) for kind, size in (("shape", 6), ("pose", 4))
    }
    files = {
        kind: saved({"epoch": 9, f"model_state_dict_{kind}_encoder": state}, tmp_path / f"{kind}_encoder_best.tar")
        for kind, state in states.items()
    }
    model = import_checkpoint(Sources(small, shape_encoder=files["shape"], pose_encoder=files["pose"]), "x")
    save_model(model, tmp_path / "x.npm")
    assert (tmp_path / "x.npm" / "shape_encoder.safetensors").is_file()
    model = load_model(tmp_path / "x.npm")
    assert model.shape_encoder.config.resolution == resolution
    occupancy = torch.rand(1, resolution, resolution, resolution, generator=generator) < 0.02
    for kind, encoder in (("shape", model.shape_encoder), ("pose", model.pose_encoder)):
        assert not encoder.training
        expected = by_hand(states[kind], occupancy)
        torch.testing.assert_close(encoder(occupancy).double(), expected, atol=1e-5, rtol=0)
        export_encoder(encoder, tmp_path / "again.tar", kind)
        again = torch.load(tmp_path / "again.tar", weights_only=True)
        assert set(again) == {"epoch", f"model_state_dict_{kind}_encoder", "optimizer_state_dict"}
        exported = again[f"model_state_dict_{kind}_encoder"]
        assert set(exported) == set(states[kind])
        for name, value in states[kind].items():
            assert exported[name].dtype == value.dtype
            assert torch.equal(exported[name], value)


def test_an_encoder_of_other_codes_or_of_the_other_kind_is_refused(small: Path, tmp_path: Path) -> None:
    state = encoder_tensors(7, 128, [1, 1, 1, 1, 1], torch.Generator())
    path = saved({"epoch": 1, "model_state_dict_shape_encoder": state}, tmp_path / "encoder.tar")
    assert "makes codes of 7, the model has 6" in refusal(Sources(small, shape_encoder=path))
    assert "pose encoder" in refusal(Sources(small, pose_encoder=path))
    assert "give it as --shape-encoder" in refusal(Sources(path))
    del state["conv_1_1.block0.1.running_var"]
    path = saved({"epoch": 1, "model_state_dict_shape_encoder": state}, tmp_path / "encoder.tar")
    assert "without conv_1_1.block0.1.running_var" in refusal(Sources(small, shape_encoder=path))


# Labels.


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


def test_labels_name_identities_and_frames(small: Path, tmp_path: Path) -> None:
    sources = Sources(
        small,
        labels=write_labels(tmp_path / "labels.json", MOTIONS),
        labels_tpose=write_labels(tmp_path / "labels_tpose.json", TPOSES),
    )
    info = import_checkpoint(sources, "named", "people").info
    assert info.identities == ("anna", "ben", "cleo")
    assert info.identity_datasets == ("cape",) * 3
    assert [str(frame) for frame in info.frames][2:4] == ["squat/000002", "squat/000003"]
    assert [frame.identity for frame in info.frames] == [0, 0, 1, 2, 0]
    assert (info.name, info.category) == ("named", "people")
    assert info.training["imported"] == {"layout": "npms", "files": ["small.tar"], "epochs": [150]}


def test_without_labels_identities_are_numbered_and_frames_are_unlabelled(small: Path) -> None:
    info = import_checkpoint(Sources(small), "x").info
    assert info.identities == ("identity_000", "identity_001", "identity_002")
    assert {frame.sequence for frame in info.frames} == {UNKNOWN_SEQUENCE}
    assert len(info.frames) == FRAMES


@pytest.mark.parametrize(
    ("tposes", "motions", "problem"),
    [
        (TPOSES[:2], MOTIONS, "2 labels for 3 shape codes"),
        (TPOSES[::-1], MOTIONS, "order of identity_id"),
        (TPOSES, MOTIONS[:4], "4 labels for 5 pose codes"),
        (TPOSES, [*MOTIONS[:4], (3, "dora", "hips")], "identity_id outside 0 to 2"),
        (TPOSES, [*MOTIONS[:4], (1, "anna", "hips")], "names anna what is ben"),
    ],
)
def test_labels_that_do_not_go_with_the_codes_are_refused(
    tposes: list[Any], motions: list[Any], problem: str, small: Path, tmp_path: Path
) -> None:
    labels = write_labels(tmp_path / "labels.json", motions)
    labels_tpose = write_labels(tmp_path / "labels_tpose.json", tposes)
    assert problem in refusal(Sources(small, labels=labels, labels_tpose=labels_tpose))


# What is refused.


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


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    content = {**checkpoint(), "config": Runs(tmp_path / "ran")}
    path = saved(content, tmp_path / "evil.tar")
    assert "other things than tensors" in refusal(Sources(path))
    (tmp_path / "plain.tar").write_bytes(pickle.dumps(content))
    assert "no checkpoint of PyTorch 1.6" in refusal(Sources(tmp_path / "plain.tar"))
    torch.save(content, tmp_path / "legacy.tar", _use_new_zipfile_serialization=False)
    assert "no checkpoint of PyTorch 1.6" in refusal(Sources(tmp_path / "legacy.tar"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, small: Path) -> None:
    data = small.read_bytes()
    small.write_bytes(data[: int(share * len(data))])
    assert "is truncated" in refusal(Sources(small))


def test_a_file_with_any_byte_of_its_pickle_changed_is_refused_or_read(small: Path, tmp_path: Path) -> None:
    data = bytearray(small.read_bytes())
    start = data.index(b"data.pkl")
    generator = np.random.default_rng(0)
    for number in range(100):
        damaged = data.copy()
        damaged[start + int(generator.integers(3000))] = int(generator.integers(256))
        path = tmp_path / f"{number}.tar"
        path.write_bytes(damaged)
        with suppress(InputError):
            import_checkpoint(Sources(path), "x")


def test_missing_files_folders_and_other_archives_are_refused(small: Path, tmp_path: Path) -> None:
    assert "no such file" in refusal(Sources(tmp_path / "nowhere.tar"))
    assert "is a folder" in refusal(Sources(tmp_path))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is damaged" in refusal(Sources(tmp_path / "other.zip"))
    with (
        zipfile.ZipFile(small) as plain,
        zipfile.ZipFile(tmp_path / "bomb.tar", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for name in plain.namelist():
            compressed.writestr(name, plain.read(name))
    assert "compressed archive" in refusal(Sources(tmp_path / "bomb.tar"))
    assert "no dictionary" in refusal(Sources(saved([1, 2], tmp_path / "list.tar")))


@pytest.mark.parametrize("key", [SHAPE, POSE, "shape_codes", "pose_codes"])
def test_a_missing_entry_is_named(key: str, tmp_path: Path) -> None:
    content = checkpoint()
    del content[key]
    assert f"no entry '{key}'" in refusal(Sources(saved(content, tmp_path / "x.tar")))


@pytest.mark.parametrize(
    ("key", "name", "value", "problem"),
    [
        (SHAPE, "lin1.bias", torch.zeros(5), "lin1.bias of the shape decoder the shape (5,), needs (11,)"),
        (SHAPE, "lin0.weight_v", torch.zeros(32, 22), "22 inputs, which do not go with codes of 6"),
        (SHAPE, "lin0.weight_v", torch.zeros(32), "without a weight matrix in lin0"),
        (SHAPE, "lin0.weight_v", torch.zeros(0, 21), "without a weight matrix in lin0"),
        (SHAPE, "lin2.weight_v", torch.zeros(32, 40), "0 skips"),
        (SHAPE, "lin3.weight", torch.zeros(2, 32), "2 outputs"),
        (POSE, "lin3.weight", torch.zeros(7, 48), "7 outputs"),
        (SHAPE, "lin9999.weight", torch.zeros(1, 32), "not numbered"),
        (SHAPE, "lin99999999.weight", torch.zeros(1, 32), "unknown tensor"),
        (SHAPE, "os.system", torch.zeros(1), "unknown tensor 'os.system'"),
        (SHAPE, "bn0.weight", torch.zeros(32), "exclude each other"),
        (SHAPE, "lin1.bias", torch.full((9,), float("nan")), "'lin1.bias' numbers that are not finite"),
        (SHAPE, "lin1.bias", torch.zeros(9, dtype=torch.int32), "'lin1.bias' no floating-point numbers"),
        (SHAPE, "lin1.bias", torch.zeros(1).expand(10**6, 10**6), "not stored in full"),
        (SHAPE, "lin1.bias", torch.zeros(10**6, 10**6, device="meta"), "not stored in full"),
        (SHAPE, "lin1.bias", torch.zeros(9).to_sparse(), "something else than tensors"),
        (SHAPE, "lin1.bias", "text", "something else than tensors"),
        (SHAPE, 7, torch.zeros(1), "something else than tensors"),
    ],
)
def test_tensors_that_are_not_those_of_a_network_are_refused(
    key: str, name: Any, value: Any, problem: str, tmp_path: Path
) -> None:
    content = checkpoint()
    content[key][name] = value
    assert problem in refusal(Sources(saved(content, tmp_path / "x.tar")))


@pytest.mark.parametrize("key", [SHAPE, POSE])
@pytest.mark.parametrize("name", ["lin0.weight_g", "lin1.weight_v", "lin2.bias", "lin3.bias"])
def test_a_network_without_one_of_its_tensors_is_refused(key: str, name: str, tmp_path: Path) -> None:
    content = checkpoint()
    del content[key][name]
    line = refusal(Sources(saved(content, tmp_path / "x.tar")))
    assert name.split(".")[0] in line


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("shape_codes", torch.zeros(3, 6), "needs (N, 1, C)"),
        ("shape_codes", torch.zeros(0, 1, 6), "needs (N, 1, C)"),
        ("shape_codes", torch.zeros(3, 1, 7), "do not go with codes of 7"),
        ("pose_codes", torch.zeros(5, 1, 9), "do not go with codes of 15"),
        ("pose_codes", torch.full((5, 1, 4), float("inf")), "not finite"),
        ("shape_codes", torch.zeros(1).expand(10**9, 1, 6), "not stored in full"),
        ("shape_codes", None, "something else than tensors"),
        (SHAPE, [1, 2], "not a dictionary of tensors"),
        (SHAPE, {}, "not a dictionary of tensors"),
    ],
)
def test_entries_of_another_kind_are_refused(key: str, value: Any, problem: str, tmp_path: Path) -> None:
    assert problem in refusal(Sources(saved({**checkpoint(), key: value}, tmp_path / "x.tar")))


def test_many_names_for_one_tensor_do_not_fill_the_memory(tmp_path: Path) -> None:
    content = checkpoint()
    large = torch.zeros(100_000)
    content[SHAPE] |= {f"lin{index}.bias": large for index in range(1000)}
    assert "more numbers than the file can hold" in refusal(Sources(saved(content, tmp_path / "x.tar")))


def test_a_tensor_that_claims_more_than_its_record_is_refused(small: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in records if name.endswith("data.pkl"))
    # the codes (3, 1, 6) are the only tensor of 18 numbers: BININT1 18 is their count, 3 and 6 their shape
    count, shape = b"K\x12", b"K\x03K\x01K\x06"
    assert records[name].count(count) == records[name].count(shape) == 1
    many = (10**8).to_bytes(4, "little")
    records[name] = records[name].replace(count, b"J" + many).replace(shape, b"J" + many + b"K\x01K\x01")
    with zipfile.ZipFile(tmp_path / "x.tar", "w") as archive:
        for entry, data in records.items():
            archive.writestr(entry, data)
    assert "x.tar" in refusal(Sources(tmp_path / "x.tar"))
