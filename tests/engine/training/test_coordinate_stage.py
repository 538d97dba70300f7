"""The stage of the coordinate network, with and without a model to put it into."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.models.checkpoint import load_model, save_model
from engine.models.coordinate_file import read_coordinate_network
from engine.models.networks.coordinates import CoordinateNetwork
from engine.training.config import CoordinateStage, Schedule, TrainingConfig, Validation
from engine.training.coordinate_run import train_coordinates
from engine.training.coordinate_stage import CoordinateTraining
from engine.training.run import train_all
from engine.training.start import Start
from engine.training.state import state_file
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.present import present
from tests.support.progress import Impatient, Listener
from tests.support.toy_dataset import write_dolls
from tests.support.toy_model import toy_model
from tests.support.training import CPU, make_stepper, prepared_ellipsoids, tiny_config

CONFIG = CoordinateStage(Schedule(20), 32, (8, 16, 32), 2, crops_per_batch=4)
ALL = slice(None)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))


def training(
    dataset: RegisteredDataset, validation: RegisteredDataset | None = None, **changes: object
) -> CoordinateTraining:
    torch.manual_seed(0)
    config = dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
    return CoordinateTraining(dataset, config, False, CPU, validation, Validation(rows=3), Progress())


def longer(folder: Path, steps: int = 12) -> TrainingConfig:
    return tiny_config(folder, coordinates__schedule__steps=str(steps))


def same(one: CoordinateNetwork, other: CoordinateNetwork) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return all(torch.equal(first[key], second[key]) for key in first)


def test_a_compiled_loss_is_the_same_and_averages_the_network_as_well(dataset: RegisteredDataset) -> None:
    stages = [training(dataset, mirrored=0.5) for _ in range(2)]
    samples = stages[0].draw(torch.arange(4) % stages[0].rows, ALL, torch.Generator().manual_seed(0))
    settings = torch.tensor([0.5])
    for stage, loss in zip(stages, (stages[0].loss, torch.compile(stages[1].loss, backend="aot_eager")), strict=True):
        assert stage.compilable
        for _ in range(2):
            loss(None, settings, *samples)[0].backward()
            with torch.no_grad():
                for parameter in stage.network.learned.parameters():
                    parameter.sub_(0.01 * present(parameter.grad))
    states = (stage.network.state_dict().values() for stage in stages)
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other)


def test_a_network_learns_one_crop_by_heart_and_says_how_sure_it_is(dataset: RegisteredDataset) -> None:
    stage = training(dataset, average=0.0, isolated=1.0, clean=1.0, distances=(0.9, 1.0))
    samples = stage.draw(torch.tensor([2]), ALL, torch.Generator().manual_seed(0))
    assert samples[2].sum() > 50
    optimiser = torch.optim.Adam([p for p in stage.network.parameters() if p.requires_grad], 3e-3)
    stage.network.train()
    history = []
    for _ in range(150):
        optimiser.zero_grad()
        loss, metrics = stage.loss(None, torch.tensor([1.0]), *samples)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        history.append({name: float(value) for name, value in metrics.items()})
    assert history[-1]["error"] < 0.02 < 0.1 < history[0]["error"]
    assert history[-1]["iou"] > 0.95
    with torch.no_grad():
        said = stage.network.learned(samples[0])
    deviation = said.log_deviation.exp()[samples[2]]
    error = (said.canonical - samples[1]).movedim(1, -1)[samples[2]].square().mean().sqrt()
    assert 0.3 < float(deviation.square().mean().sqrt() / error) < 3


def test_the_likelihood_is_that_of_a_laplace_distribution_with_the_deviation_that_is_said() -> None:
    """exp(-|d| / b) / (8 pi b^3) in three dimensions, whose standard deviation along each axis is 2 b."""
    random = torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn((200_000, 3), generator=random), dim=1)
    b = 0.01
    # the distance has a gamma distribution of shape 3: the sum of three exponential ones
    distance = -b * torch.rand((200_000, 3), generator=random).log().sum(1)
    errors = direction * distance[:, None]
    assert abs(float(errors.std()) / (2 * b) - 1) < 0.01

    def loss(deviation: float) -> float:
        return float((2 * distance / deviation + 3 * torch.tensor(deviation).log()).mean())

    assert loss(2 * b) < min(loss(1.9 * b), loss(2.1 * b))


def test_the_average_follows_the_network_and_is_what_is_kept(dataset: RegisteredDataset) -> None:
    stage = training(dataset, average=0.9)
    assert stage.settings(0)[0] == pytest.approx(0.9) and stage.settings(1000)[0] == pytest.approx(0.1)
    stepper = make_stepper(stage)
    for _ in range(3):
        stepper.step()
    before = stage.learned()
    now = {key: value.clone() for key, value in stage.network.learned.state_dict().items()}
    assert not same(before, stage.network.learned)
    stage.network.average(torch.tensor(0.25))
    after = stage.learned()
    for key, value in after.state_dict().items():
        expected = torch.lerp(before.state_dict()[key], now[key], 0.25) if value.is_floating_point() else value
        torch.testing.assert_close(value, expected)
    assert not after.training and not any(parameter.requires_grad for parameter in after.parameters())


def test_what_is_held_out_is_measured_by_error_and_overlap(dataset: RegisteredDataset, tmp_path: Path) -> None:
    assert training(dataset).validate(0) == {}
    held_out = load_registered_dataset(write_ellipsoids(tmp_path / "held", 1))
    stage = training(dataset, held_out)
    metrics = stage.validate(0)
    assert list(metrics) == ["error", "median", "iou", "landmarks", "landmark_median"]
    assert 0 < metrics["median"] < 0.5 and 0 < metrics["error"] < 0.5 and 0 <= metrics["iou"] <= 1
    assert stage.validate(0) == metrics and stage.validate(1) != metrics
    stage.network.train()
    state = {key: value.clone() for key, value in stage.network.state_dict().items()}
    stage.validate(0)
    assert stage.network.training
    assert all(torch.equal(state[key], value) for key, value in stage.network.state_dict().items())


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, whole, parts = longer(tmp_path), tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train_coordinates(dataset, config, whole, CPU, validation=dataset)
    result = train_coordinates(dataset, config, parts, CPU, progress=Impatient(4))
    assert result.interrupted and read_coordinate_network(parts).training["interrupted"]
    torch.rand(3)  # random numbers that others draw in between do not matter
    result = train_coordinates(dataset, config, parts, CPU, start=Start("last"), validation=dataset)
    assert result.steps == 12 and not result.interrupted
    assert same(read_coordinate_network(whole).network, read_coordinate_network(parts).network)


def test_a_file_needs_no_model_and_says_what_it_was_trained_for(dataset: RegisteredDataset, tmp_path: Path) -> None:
    out = tmp_path / "ellipsoids.safetensors"
    train_coordinates(dataset, longer(tmp_path, 2), out, CPU, validation=dataset)
    file = read_coordinate_network(out)
    assert (file.category, file.similarity) == (dataset.category, dataset.similarity)
    assert file.training["steps"] == 2 and file.training["config"]["size"] == 16
    assert "iou" in file.training["validation"] and file.training["data"]["frames"] == len(dataset.labels)
    assert state_file(out, "coordinates", "last").is_file()
    with pytest.raises(InputError, match="holds an earlier training, which would be lost"):
        train_coordinates(dataset, longer(tmp_path, 2), out, CPU)
    train_coordinates(dataset, longer(tmp_path, 2), out, CPU, start=Start(restart=True))


def test_a_model_gets_the_network_and_keeps_the_rest(tmp_path: Path) -> None:
    dolls = load_registered_dataset(write_dolls(tmp_path / "dolls", ("stout",)))
    save_model(toy_model(), tmp_path / "m.npm")
    train_coordinates(dolls, longer(tmp_path, 2), tmp_path / "m.npm", CPU)
    model = load_model(tmp_path / "m.npm")
    assert model.coordinate_network is not None and model.info.training["coordinates"]["steps"] == 2
    assert torch.equal(model.shape_codes, load_model_codes(tmp_path)) and model.has_pose


def load_model_codes(folder: Path) -> torch.Tensor:
    """Shape codes of the toy model as a file has them."""
    save_model(toy_model(), folder / "again.npm")
    return load_model(folder / "again.npm").shape_codes


def test_a_model_that_is_not_there_or_lives_elsewhere_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no model yet; train the shape stage first and .*, or name a file"):
        train_coordinates(dataset, longer(tmp_path), tmp_path / "m.npm", CPU)
    model = toy_model()
    similarity = dataclasses.replace(model.info.similarity, scale=3.0)
    save_model(
        dataclasses.replace(model, info=dataclasses.replace(model.info, similarity=similarity)), tmp_path / "m.npm"
    )
    with pytest.raises(InputError, match="lives in another canonical space"):
        train_coordinates(dataset, longer(tmp_path), tmp_path / "m.npm", CPU)


def test_a_preset_without_the_stage_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config(tmp_path), coordinates=None)
    with pytest.raises(InputError, match="has no coordinates; see the built-in presets"):
        train_coordinates(dataset, config, tmp_path / "x.safetensors", CPU)


def test_training_begins_on_the_network_of_another_model(dataset: RegisteredDataset, tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = CoordinateNetwork(training(dataset, size=16, channels=(4, 8)).learned().config).eval()
    model = dataclasses.replace(toy_model(), coordinate_network=network)
    config = tiny_config(tmp_path, coordinates__schedule__network_rate="0", coordinates__schedule__steps="1")
    out = tmp_path / "x.safetensors"
    train_coordinates(dataset, config, out, CPU, start=Start(warm=model))
    begun = read_coordinate_network(out).network
    torch.testing.assert_close(begun.head.weight, network.head.weight, atol=1e-3, rtol=0)
    told = Listener()
    anew = Start(restart=True, warm=toy_model())
    train_coordinates(dataset, config, out, CPU, start=anew, progress=told)
    assert any("has no coordinate network to begin on" in message for message in told.messages)
    larger = tiny_config(tmp_path, coordinates__channels="[4, 12]")
    with pytest.raises(InputError, match="coordinate network of other size"):
        train_coordinates(dataset, larger, out, CPU, start=Start(restart=True, warm=model))


def test_training_begins_on_a_network_with_fewer_landmarks_and_learns_the_others(dataset: RegisteredDataset) -> None:
    few, many = (training(dataset, size=16, channels=(4, 8), landmarks=count) for count in (10, 14))
    new = many.learned().landmarks
    many.begin_on(few.learned())
    old, begun = few.learned().landmarks, many.learned().landmarks
    assert old is not None and new is not None and begun is not None
    assert torch.equal(begun.queries[:10], old.queries) and torch.equal(begun.queries[10:], new.queries[10:])
    assert torch.equal(begun.places, old.places)
    with pytest.raises(RuntimeError):
        few.begin_on(many.learned())


def test_vertices_that_are_no_numbers_are_refused_with_their_frame(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "data", 2, 1, 2)
    frames = np.load(root / "ellipsoid_001" / "bend_0.npy")
    frames[1] = np.nan
    np.save(root / "ellipsoid_001" / "bend_0.npy", frames)
    with pytest.raises(InputError, match=r"ellipsoid_001/bend_0/000001 has vertices that are not finite"):
        train_coordinates(load_registered_dataset(root), tiny_config(tmp_path), tmp_path / "x.safetensors", CPU)


def test_all_stages_end_with_the_network_in_the_model(no_pictures: None, tmp_path: Path) -> None:
    data = prepared_ellipsoids(tmp_path / "data")
    train_all(data, tiny_config(tmp_path), tmp_path / "e.npm", CPU)
    network = present(load_model(tmp_path / "e.npm").coordinate_network)
    assert network.config.channels == (4, 8)


def test_the_command_trains_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "data", 1, 1, 3)
    arguments = ["train", "coordinates", "--config", "own/small", "--data", str(root), "--device", "cpu", "--json"]
    fields = ["--coordinates.schedule.steps", "2", "--coordinates.size", "16", "--coordinates.channels", "[4, 8]"]
    assert main([*arguments, "--out", str(tmp_path / "e.safetensors"), *fields]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"] == 2 and told["error"] > 0
    assert read_coordinate_network(tmp_path / "e.safetensors").network.config.size == 16


def test_weights_decay_by_themselves_and_not_through_the_gradients(dataset: RegisteredDataset) -> None:
    schedule, weights = Schedule(20, network_rate=1e-2), []
    for decay in (0.0, 0.5):
        stage = training(dataset, weight_decay=decay, schedule=schedule)
        begun = stage.network.learned.head.weight.detach().clone()
        make_stepper(stage).step()
        weights.append(stage.network.learned.head.weight.detach())
    torch.testing.assert_close(weights[1] - weights[0], -1e-2 * 0.5 * begun, atol=1e-6, rtol=1e-3)


def test_a_network_learns_to_tell_mirrored_crops_and_nothing_else_of_them(dataset: RegisteredDataset) -> None:
    stage = training(dataset, dataset, mirrored=0.5, isolated=1.0, clean=1.0, upright=False, distances=(0.9, 1.0))
    assert stage.network.learned.config.sides and not stage.network.learned.config.upright
    crops, canonical, foreground, landmarks, _ = stage.draw(torch.tensor([2, 9]), ALL, torch.Generator().manual_seed(0))
    assert foreground.any()
    settings = torch.tensor([0.0])
    stage.network.eval()
    for mirrored in (torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)):
        losses = [
            stage.loss(None, settings, crops, canonical + off, foreground, landmarks + off, mirrored)
            for off in (0.0, 0.1)
        ]
        assert torch.equal(losses[0][0], losses[1][0]) == bool(mirrored.all())
        assert float(losses[0][1]["side"]) > 0
    assert 0 <= stage.validate(0)["side"] <= 1


def test_networks_that_never_saw_a_mirrored_crop_do_not_tell_sides(dataset: RegisteredDataset) -> None:
    stage = training(dataset, dataset)
    assert not stage.network.learned.config.sides
    assert "side" not in stage.validate(0)
