"""The network from depth to canonical coordinates, and its file in a model or beside several."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from engine.models.checkpoint import load_model, save_model, share_coordinate_network
from engine.models.coordinate_file import (
    FILE_NAME,
    CoordinateNetworkFile,
    read_coordinate_network,
    write_coordinate_network,
)
from engine.models.model import NeuralParametricModel
from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork
from engine.models.networks.landmarks import LOG_DEVIATIONS
from tests.support.present import present
from tests.support.toy_model import toy_model

TINY = CoordinateConfig(16, (4, 8), 2)


def network(seed: int = 0) -> CoordinateNetwork:
    torch.manual_seed(seed)
    return CoordinateNetwork(TINY).eval().requires_grad_(False)


def with_network(seed: int = 0) -> NeuralParametricModel:
    model = toy_model()
    info = dataclasses.replace(model.info, training={**model.info.training, "coordinates": {"steps": 7}})
    return dataclasses.replace(model, info=info, coordinate_network=network(seed))


def shared(folder: Path, name: str = "dolls.safetensors") -> Path:
    """A file of a network for the toy model."""
    info = toy_model().info
    file = CoordinateNetworkFile(network(), info.category, info.licence, info.similarity, {"steps": 3})
    write_coordinate_network(file, folder / name)
    return folder / name


def refer(model: Path, name: object) -> None:
    description = json.loads((model / "model.json").read_text())
    description["coordinate_network"] = {"file": name}
    (model / "model.json").write_text(json.dumps(description))


def same(one: CoordinateNetwork | None, other: CoordinateNetwork) -> bool:
    """Up to the rounding of the file."""
    first, second = present(one).state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.allclose(first[key].double(), second[key].double(), atol=1e-3) for key in first
    )


def test_each_pixel_gets_coordinates_their_deviation_and_a_logit() -> None:
    crops = torch.randn((3, 4, 16, 16), generator=torch.Generator().manual_seed(0))
    said = network()(crops)
    assert said.canonical.shape == (3, 3, 16, 16)
    assert said.log_deviation.shape == said.foreground.shape == (3, 16, 16)
    assert said.log_deviation.min() >= LOG_DEVIATIONS[0] and said.log_deviation.max() <= LOG_DEVIATIONS[1]
    alone = network()(crops[1:2])
    torch.testing.assert_close(alone.canonical, said.canonical[1:2], atol=1e-5, rtol=1e-4)


def test_what_is_far_away_in_the_crop_reaches_every_pixel() -> None:
    crop = torch.zeros(1, 4, 64, 64)
    learned = CoordinateNetwork(CoordinateConfig(64, (4, 8, 16), 2)).eval()
    changed = crop.clone()
    changed[..., 0, 0] = 5
    difference = (learned(changed).canonical - learned(crop).canonical).abs().amax(1)[0]
    assert (difference > 0).all()


def test_the_preset_size_has_three_million_parameters() -> None:
    count = sum(parameter.numel() for parameter in CoordinateNetwork(CoordinateConfig()).parameters())
    assert 2.5e6 < count < 3.5e6


def test_a_smaller_crop_gets_coordinates_too_but_no_landmarks() -> None:
    learned = CoordinateNetwork(CoordinateConfig(32, (4, 8, 16), 2, landmarks=5)).eval()
    assert learned(torch.zeros(2, 4, 32, 32)).landmarks is not None
    said = learned(torch.zeros(2, 4, 16, 16))
    assert said.canonical.shape == (2, 3, 16, 16) and said.landmarks is None


@pytest.mark.parametrize(
    "wrong", [{"size": 18}, {"channels": (4,)}, {"channels": (4, 0)}, {"heads": 3}, {"heads": 0}, {"inputs": 0}]
)
def test_sizes_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"crop|channels"):
        dataclasses.replace(CoordinateConfig(16, (4, 8, 16), 2), **wrong)  # type: ignore[arg-type]


def test_a_model_is_stored_with_its_network_and_read_again(tmp_path: Path) -> None:
    model = with_network()
    save_model(model, tmp_path / "m.npm")
    assert (tmp_path / "m.npm" / FILE_NAME).is_file()
    loaded = load_model(tmp_path / "m.npm")
    assert same(loaded.coordinate_network, present(model.coordinate_network))
    assert loaded.info.training["coordinates"] == {"steps": 7}
    learned = present(loaded.coordinate_network)
    assert not learned.training and not any(parameter.requires_grad for parameter in learned.parameters())
    crop = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(learned(crop).canonical, network()(crop).canonical, atol=2e-3, rtol=0)


def test_models_without_a_network_are_as_they_were(tmp_path: Path) -> None:
    save_model(toy_model(), tmp_path / "m.npm")
    assert load_model(tmp_path / "m.npm").coordinate_network is None
    assert not (tmp_path / "m.npm" / FILE_NAME).exists()
    assert "coordinate_network" not in json.loads((tmp_path / "m.npm" / "model.json").read_text())


def test_models_of_one_class_share_a_file_beside_them_and_take_it_along_when_saved_elsewhere(tmp_path: Path) -> None:
    shared(tmp_path)
    for name in ("one.npm", "two.npm"):
        save_model(toy_model(), tmp_path / name)
        refer(tmp_path / name, "../dolls.safetensors")
    one, two = load_model(tmp_path / "one.npm"), load_model(tmp_path / "two.npm")
    assert same(one.coordinate_network, network()) and same(two.coordinate_network, network())
    assert one.info.training["coordinates"] == {"steps": 3}
    save_model(one, tmp_path / "elsewhere" / "three.npm")
    shutil.rmtree(tmp_path / "one.npm")
    assert same(load_model(tmp_path / "elsewhere" / "three.npm").coordinate_network, network())


def test_a_model_exchanges_its_own_network_for_a_shared_one(tmp_path: Path) -> None:
    shared(tmp_path)
    save_model(with_network(seed=1), tmp_path / "m.npm")
    share_coordinate_network(tmp_path / "m.npm", "../dolls.safetensors")
    assert not (tmp_path / "m.npm" / FILE_NAME).exists()
    model = load_model(tmp_path / "m.npm")
    assert same(model.coordinate_network, network()) and model.info.training["coordinates"] == {"steps": 3}
    before = (tmp_path / "m.npm" / "model.json").read_bytes()
    with pytest.raises(InputError, match="is missing"):
        share_coordinate_network(tmp_path / "m.npm", "../other.safetensors")
    assert (tmp_path / "m.npm" / "model.json").read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "../../dolls.safetensors",
        "/etc/dolls.safetensors",
        "sub/dolls.safetensors",
        "../.safetensors",
        "dolls.bin",
        "..",
        3,
    ],
)
def test_a_name_that_leads_anywhere_else_is_refused(name: object, tmp_path: Path) -> None:
    shared(tmp_path)
    save_model(toy_model(), tmp_path / "m.npm")
    refer(tmp_path / "m.npm", name)
    with pytest.raises(InputError, match=r"names the coordinate network .*; name a file in its folder"):
        load_model(tmp_path / "m.npm")


def test_a_shared_file_that_did_not_come_along_is_asked_for(tmp_path: Path) -> None:
    save_model(toy_model(), tmp_path / "m.npm")
    refer(tmp_path / "m.npm", "../dolls.safetensors")
    with pytest.raises(InputError, match=r"dolls\.safetensors: is missing; copy the coordinate network"):
        load_model(tmp_path / "m.npm")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": "fish"}, "is of dolls, its coordinate network of fish"),
        ({"similarity": Similarity(9.0)}, "its coordinate network 9 per metre"),
    ],
)
def test_a_network_of_another_class_or_space_is_refused(change: dict[str, object], said: str, tmp_path: Path) -> None:
    save_model(toy_model(), tmp_path / "m.npm")
    refer(tmp_path / "m.npm", "../other.safetensors")
    file = dataclasses.replace(read_coordinate_network(shared(tmp_path)), **change)  # type: ignore[arg-type]
    write_coordinate_network(file, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=said):
        load_model(tmp_path / "m.npm")


def test_files_that_are_damaged_or_something_else_are_refused(tmp_path: Path) -> None:
    path = shared(tmp_path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="is damaged"):
        read_coordinate_network(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="is no coordinate network"):
        read_coordinate_network(path)
    state = network().state_dict()
    metadata = {"format": "npm-studio coordinate network", "network": json.dumps({"size": 32, "channels": [4, 8, 16]})}
    save_file(state, path, metadata)
    with pytest.raises(InputError, match="does not fit together"):
        read_coordinate_network(path)
    save_file(state | {"head.bias": torch.full((5,), torch.nan)}, path, metadata)
    with pytest.raises(InputError, match="not finite"):
        read_coordinate_network(path)


def test_a_network_with_landmarks_says_where_each_is_at_rest_and_in_the_crop() -> None:
    torch.manual_seed(0)
    network = CoordinateNetwork(dataclasses.replace(TINY, landmarks=6)).eval()
    said = network(torch.randn(2, 4, 16, 16)).landmarks
    assert said is not None
    assert said.canonical.shape == said.positions.shape == (2, 6, 3) and said.log_deviation.shape == (2, 6)
    assert CoordinateNetwork(TINY).eval()(torch.randn(2, 4, 16, 16)).landmarks is None


def test_where_landmarks_are_depends_on_all_of_the_crop() -> None:
    torch.manual_seed(0)
    network = CoordinateNetwork(dataclasses.replace(TINY, landmarks=6)).eval()
    crop = torch.randn(1, 4, 16, 16)
    for row, column in ((0, 0), (15, 15), (3, 12)):
        changed = crop.clone()
        changed[0, :, row, column] += 5
        moved = (network(changed).landmarks.positions - network(crop).landmarks.positions).norm(dim=-1)
        assert (moved > 0).all()


def test_a_network_that_tells_sides_says_so_in_its_file_and_for_each_crop(tmp_path: Path) -> None:
    torch.manual_seed(1)
    told = CoordinateNetwork(dataclasses.replace(TINY, sides=True, upright=False)).eval().requires_grad_(False)
    info = toy_model().info
    write_coordinate_network(
        CoordinateNetworkFile(told, info.category, info.licence, info.similarity, {}), tmp_path / "hands.safetensors"
    )
    again = read_coordinate_network(tmp_path / "hands.safetensors").network
    assert again.config == told.config
    assert present(again(torch.rand(3, 4, 16, 16)).mirrored).shape == (3,)
    assert network()(torch.rand(3, 4, 16, 16)).mirrored is None
