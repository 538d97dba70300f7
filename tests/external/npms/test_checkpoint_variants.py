"""Checkpoints of newer PyTorch and of other training programs: the same networks under other names, and beside them
values that nobody reads.
"""

import argparse
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.core.errors import InputError
from engine.models.checkpoint import save_model
from engine.models.labels import UNLABELLED
from engine.models.model import NeuralParametricModel
from engine.models.named_codes import find_frame
from external.npms.checkpoint import POSE, SHAPE, Sources, import_checkpoint
from npm_studio.cli.main import main
from tests.support.official_checkpoints import FRAMES, checkpoint, encoder_tensors, refusal, saved
from tests.support.present import present


def imported(content: Mapping[str, Any], path: Path) -> NeuralParametricModel:
    return import_checkpoint(Sources(saved(dict(content), path)), "x")


def renamed(content: Mapping[str, Any], rename: Any) -> dict[str, Any]:
    states = {key: OrderedDict((rename(n), v) for n, v in content[key].items()) for key in (SHAPE, POSE)}
    return {**content, **states}


def same_networks(one: NeuralParametricModel, other: NeuralParametricModel) -> bool:
    pairs = [(one.shape_decoder, other.shape_decoder), (present(one.pose_decoder), present(other.pose_decoder))]
    states: list[tuple[dict[str, Tensor], dict[str, Tensor]]] = [(a.state_dict(), b.state_dict()) for a, b in pairs]
    return all(list(a) == list(b) and all(torch.equal(a[n], b[n]) for n in a) for a, b in states)


def test_weights_normalised_by_a_parametrization_are_those_of_weight_norm(tmp_path: Path) -> None:
    """`torch.nn.utils.parametrizations.weight_norm`, by which PyTorch 2 replaces the older one."""
    content = checkpoint()

    def rename(name: str) -> str:
        for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
            name = name.replace(old, f"parametrizations.weight.{new}")
        return name

    changed = renamed(content, rename)
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(21, 32))
    assert set(layer.state_dict()) == {n.removeprefix("lin0.") for n in changed[SHAPE] if n.startswith("lin0.")}
    assert same_networks(imported(changed, tmp_path / "new.tar"), imported(content, tmp_path / "old.tar"))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_names_of_compiled_networks_are_understood(prefix: str, tmp_path: Path) -> None:
    content = checkpoint()
    changed = renamed(content, lambda name: prefix + name)
    assert same_networks(imported(changed, tmp_path / "new.tar"), imported(content, tmp_path / "old.tar"))


def test_parts_of_an_encoder_that_were_compiled_are_understood(small: Path, tmp_path: Path) -> None:
    state = encoder_tensors(6, 128, [1, 1, 1, 1, 1], torch.Generator().manual_seed(0))
    compiled = OrderedDict((name.replace("conv_1.", "conv_1._orig_mod."), value) for name, value in state.items())
    assert list(compiled) != list(state)
    path = saved({"epoch": 1, "model_state_dict_shape_encoder": compiled}, tmp_path / "encoder.tar")
    encoder = present(import_checkpoint(Sources(small, shape_encoder=path), "x").shape_encoder)
    assert torch.equal(encoder.state_dict()["conv_1.0.0.weight"], state["conv_1.0.0.weight"])


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    content = checkpoint()
    content[SHAPE]["_orig_mod.lin0.bias"] = content[SHAPE]["lin0.bias"] + 1
    assert "two tensors called 'lin0.bias'" in refusal(Sources(saved(content, tmp_path / "x.tar")))


def test_numpy_numbers_arguments_paths_and_dates_beside_the_networks_are_passed_over(tmp_path: Path) -> None:
    content = checkpoint()
    beside = {
        "epoch": np.int64(7),
        "training_loss": np.float64(0.25),
        "val_losses": np.array([1.0, 2.0]),
        "args": argparse.Namespace(lr=5e-4, out=Path("runs")),
        "config": Path("configs/x.py"),
        "when": datetime(2021, 3, 5),
    }
    model = imported({**content, **beside}, tmp_path / "new.tar")
    assert same_networks(model, imported(content, tmp_path / "old.tar"))
    assert model.info.training["imported"]["epochs"] == [7]


def test_codes_and_weights_in_numpy_arrays_are_read(tmp_path: Path) -> None:
    content = checkpoint()
    changed = {key: content[key].numpy().astype(np.float64) for key in ("shape_codes", "pose_codes")}
    state = OrderedDict((name, np.asfortranarray(value.numpy())) for name, value in content[SHAPE].items())
    model, plain = (
        imported({**content, **changed, SHAPE: state}, tmp_path / "new.tar"),
        imported(content, tmp_path / "old.tar"),
    )
    assert same_networks(model, plain)
    assert torch.equal(present(model.pose_codes), present(plain.pose_codes))
    words = {**content, "shape_codes": np.array(["a"], object)}
    assert "something other than tensors" in refusal(Sources(saved(words, tmp_path / "objects.tar")))


def test_nothing_that_numpy_values_name_is_called(tmp_path: Path) -> None:
    """`numpy.load` and NumPy's own array of 10^12 numbers stay unmade."""

    class Loads:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return np.load, ("x.npy",)

    class Huge:
        def __reduce__(self) -> tuple[Any, ...]:
            return np.zeros(0).__reduce__()[0], (np.ndarray, (10**12,), b"d")

    line = refusal(Sources(saved({**checkpoint(), "x": Loads()}, tmp_path / "loads.tar")))
    assert "numpy" in line
    assert "load" in line
    assert imported({**checkpoint(), "x": Huge()}, tmp_path / "huge.tar").has_pose


def test_what_is_not_read_is_named_and_no_exception(tmp_path: Path) -> None:
    content = {**checkpoint(), "when": complex, "loss": pickle.PickleBuffer}
    line = refusal(Sources(saved(content, tmp_path / "x.tar")))
    assert "PickleBuffer" in line
    assert "Error" not in line
    assert "save the entries of the networks and codes alone" in line


# Without labels.


def test_poses_of_an_unlabelled_checkpoint_are_those_of_every_identity(small: Path) -> None:
    model = import_checkpoint(Sources(small), "x")
    assert {frame.sequence for frame in model.info.frames} == {UNLABELLED}
    assert [model.frames_of(identity) for identity in range(3)] == [list(range(FRAMES))] * 3
    assert find_frame(model, 2, "1") == find_frame(model, 2, "unlabelled/000001") == 1
    with pytest.raises(InputError, match="use 0 to 4"):
        find_frame(model, 2, "5")


def test_an_unlabelled_checkpoint_is_reconstructed_by_number(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = import_checkpoint(Sources(small), "x")
    save_model(model, tmp_path / "x.npm")
    words = ["reconstruct", "--model", str(tmp_path / "x.npm"), "--resolution", "16", "--frame", "2"]
    assert main([*words, "--identity", "1", "--out", str(tmp_path / "one")]) == 0, capsys.readouterr().err
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["identity_001_unlabelled_000002.ply"]
