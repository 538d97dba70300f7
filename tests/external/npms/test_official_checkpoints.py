"""Checkpoints in the layout of the published NPM code, built from scratch: imported, evaluated, exported, equal."""

import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.core.errors import InputError
from engine.models.checkpoint import load_model, save_model
from engine.models.labels import UNLABELLED
from engine.models.networks.decoder import ShapeDecoder
from external.npms.checkpoint import (
    POSE,
    SHAPE,
    Sources,
    export_checkpoint,
    export_encoder,
    import_checkpoint,
)
from tests.engine.models.test_networks_encoder import by_hand
from tests.support.official_checkpoints import (
    FRAMES,
    IDENTITIES,
    MOTIONS,
    TPOSES,
    VARIANTS,
    Net,
    checkpoint,
    encoder_tensors,
    refusal,
    saved,
    warped,
    write_labels,
)
from tests.support.present import present
from tests.support.toy_model import toy_model


def same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
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
    posed = model.pose(model.shape_codes[1:2], present(model.pose_codes)[3:4], points[None])[0].numpy()
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
    shape, pose = model.shape_decoder.config, present(model.pose_decoder).config
    assert (shape.width, shape.layers, shape.skip_layer, shape.frequencies) == (320, 8, 4, 6)
    assert (pose.width, pose.layers, pose.skip_layer, pose.frequencies) == (576, 6, 4, 4)
    assert (shape.xyz_in_all, pose.xyz_in_all, shape.se3, pose.se3) == (True, True, False, True)
    assert (model.shape_decoder.code_size, present(model.pose_decoder).pose_code_size) == (256, 256)


def test_names_with_the_prefix_of_several_devices_are_understood(tmp_path: Path) -> None:
    content = checkpoint()
    plain = import_checkpoint(Sources(saved(content, tmp_path / "plain.tar")), "x")
    for key in (SHAPE, POSE):
        content[key] = OrderedDict((f"module.{name}", value) for name, value in content[key].items())
    model = import_checkpoint(Sources(saved(content, tmp_path / "parallel.tar")), "x")
    assert same(present(model.pose_decoder).state_dict(), present(plain.pose_decoder).state_dict())


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
    assert torch.equal(present(model.pose_codes), present(plain.pose_codes))


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
    assert same(present(model.pose_decoder).state_dict(), pose_stage[POSE])
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
    assert present(copy.pose_decoder).config == present(model.pose_decoder).config
    points = torch.rand(1, 50, 3) - 0.5
    arguments = (model.shape_codes[:1], present(model.pose_codes)[:1], points)
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
    assert present(model.shape_encoder).config.resolution == resolution
    occupancy = torch.rand(1, resolution, resolution, resolution, generator=generator) < 0.02
    kinds: list[Literal["shape", "pose"]] = ["shape", "pose"]
    for kind in kinds:
        encoder = present(model.shape_encoder if kind == "shape" else model.pose_encoder)
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
    assert "give it as the shape encoder" in refusal(Sources(path))
    del state["conv_1_1.block0.1.running_var"]
    path = saved({"epoch": 1, "model_state_dict_shape_encoder": state}, tmp_path / "encoder.tar")
    assert "without conv_1_1.block0.1.running_var" in refusal(Sources(small, shape_encoder=path))


# Labels.


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
    assert {frame.sequence for frame in info.frames} == {UNLABELLED}
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
