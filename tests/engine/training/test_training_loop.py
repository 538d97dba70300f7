"""The loop of every stage: going on from states, data and memory that fail, what is held out."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.models.checkpoint import load_model
from engine.training.log import TrainingLog
from engine.training.run import STAGES, train_all, train_stage
from engine.training.start import Start
from engine.training.state import read_state, state_file, training_folder, write_state
from engine.training.stepper import Stepper
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Impatient, Listener
from tests.support.training import (
    CPU,
    decoder_stage,
    make_stepper,
    prepared_ellipsoids,
    same_networks,
    spoil_pool,
    tiny_config,
)

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return prepared_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids")


def all_finite(value: object) -> bool:
    """Whether all tensors in a state are finite."""
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value).all())
    if isinstance(value, dict):
        return all(all_finite(part) for part in value.values())
    return True


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", ["shape", "pose"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    name: str, dropout: bool, dataset: RegisteredDataset, tmp_path: Path
) -> None:
    fields = {f"{name}__decoder__dropout": "0.2", f"{name}__decoder__latent_dropout": "0.2"} if dropout else {}
    config = tiny_config(tmp_path, **fields)
    for out in (tmp_path / "whole.npm", tmp_path / "parts.npm"):
        train_stage("shape", dataset, tiny_config(tmp_path), out, CPU)
    anew = Start(restart=True)
    whole, _ = train_stage(name, dataset, config, tmp_path / "whole.npm", CPU, start=anew, validation=dataset)
    stops = np.random.default_rng(0).integers(1, 5, 2).tolist()
    for begin, steps in ((Start(restart=True), stops[0]), (Start("last"), stops[1])):
        _, result = train_stage(
            name, dataset, config, tmp_path / "parts.npm", CPU, start=begin, progress=Impatient(steps)
        )
        assert result.interrupted
        torch.rand(3)  # random numbers that others draw in between do not matter
    assert result.steps == sum(stops)
    parts, result = train_stage(
        name, dataset, config, tmp_path / "parts.npm", CPU, start=Start("last"), validation=dataset
    )
    assert result.steps == 12
    assert same_networks(whole, parts)


@pytest.mark.parametrize("name", ["shape-encoder", "pose-encoder"])
def test_a_resumed_encoder_ends_where_an_uninterrupted_one_does(
    name: str, dataset: RegisteredDataset, tmp_path: Path
) -> None:
    config, models = tiny_config(tmp_path), []
    for out in (tmp_path / "whole.npm", tmp_path / "parts.npm"):
        train_stage("shape", dataset, config, out, CPU)
        train_stage("pose", dataset, config, out, CPU)
        if out.stem == "parts":
            train_stage(name, dataset, config, out, CPU, progress=Impatient(2))
        models.append(train_stage(name, dataset, config, out, CPU, start=Start("last"))[0])
    assert same_networks(*models)


def test_going_on_from_the_best_state_or_from_a_number_of_steps(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = tiny_config(tmp_path, keep_every="4"), tmp_path / "e.npm"
    whole, _ = train_stage("shape", dataset, config, out, CPU, validation=dataset)
    assert {path.name for path in (tmp_path / "e.training").glob("*.state")} == {
        f"shape.{which}.state" for which in ("last", "best", "4", "8", "12")
    }
    best = read_state(state_file(out, "shape", "best"))
    assert best["step"] in (6, 12)
    assert best["best"] == min(validation_figures(tmp_path))
    for which in ("4", "8", "best"):
        again, result = train_stage("shape", dataset, config, out, CPU, start=Start(which), validation=dataset)
        assert result.steps == 12
        assert same_networks(again, whole)
    with pytest.raises(InputError, match="there are: 12, 4, 8, best, last"):
        train_stage("shape", dataset, config, out, CPU, start=Start("5"))


def validation_figures(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "e.training" / "log.jsonl").read_text().splitlines()]
    return [line["sdf"] for line in lines if line["kind"] == "validation"]


def test_a_new_training_forgets_the_states_of_the_one_before(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = tiny_config(tmp_path, keep_every="4"), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU)
    train_stage("pose", dataset, config, out, CPU)
    train_stage("shape", dataset, config, out, CPU, seed=1, start=Start(restart=True), progress=Impatient(2))
    assert {path.name for path in (tmp_path / "e.training").glob("*.state")} == {"shape.last.state"}


def test_going_on_without_any_state_begins(dataset: RegisteredDataset, tmp_path: Path) -> None:
    told = Listener()
    _, result = train_stage(
        "shape", dataset, tiny_config(tmp_path), tmp_path / "e.npm", CPU, start=Start("last"), progress=told
    )
    assert result.steps == 12
    assert any("nothing to resume" in message for message in told.messages)


def test_a_finished_state_makes_the_model_again(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    model, first = train_stage("shape", dataset, config, out, CPU, validation=dataset)
    again, second = train_stage("shape", dataset, config, out, CPU, start=Start("last"), validation=dataset)
    assert same_networks(model, again)
    assert (first.metrics, first.validation, first.steps) == (second.metrics, second.validation, second.steps)


@pytest.mark.parametrize(
    "fields", [{"shape__code_size": "9"}, {"shape__decoder__width": "40"}, {"shape__decoder__layers": "4"}]
)
def test_a_state_of_another_configuration_is_refused(
    fields: dict[str, str], dataset: RegisteredDataset, tmp_path: Path
) -> None:
    out = tmp_path / "e.npm"
    train_stage("shape", dataset, tiny_config(tmp_path), out, CPU, progress=Impatient(2))
    with pytest.raises(InputError, match="does not fit this configuration") as caught:
        train_stage("shape", dataset, tiny_config(tmp_path, **fields), out, CPU, start=Start("last"))
    assert "\n" not in str(caught.value)


def test_a_state_of_other_data_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    out = tmp_path / "e.npm"
    train_stage("shape", prepared_ellipsoids(tmp_path / "d", 1), tiny_config(tmp_path), out, CPU, progress=Impatient(2))
    with pytest.raises(InputError, match="other identities"):
        train_stage("shape", dataset, tiny_config(tmp_path), out, CPU, start=Start("last"))


def test_a_state_on_the_codes_of_another_model_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, shape = tiny_config(tmp_path), tmp_path / "shape.npm"
    for seed, out in enumerate((tmp_path / "a.npm", tmp_path / "b.npm", shape)):
        train_stage("shape", dataset, config, out, CPU, seed)
        train_stage("pose", dataset, config, out, CPU, seed, progress=Impatient(2 if out == shape else 12))
    with pytest.raises(InputError, match="belongs to other codes"):
        train_stage("pose", dataset, config, shape, CPU, start=Start("last"), shape_model=tmp_path / "b.npm")
    for stage in ("shape-encoder", "pose-encoder"):
        train_stage(stage, dataset, config, tmp_path / "a.npm", CPU, progress=Impatient(2))
        shutil.copy(state_file(tmp_path / "a.npm", stage, "last"), state_file(tmp_path / "b.npm", stage, "last"))
        with pytest.raises(InputError, match=f"train {stage} without resuming"):
            train_stage(stage, dataset, config, tmp_path / "b.npm", CPU, start=Start("last"))


def test_a_state_goes_with_the_codes_of_its_model_in_half_the_size(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = tiny_config(tmp_path, storage="float16"), tmp_path / "out.npm"
    train_stage("shape", dataset, tiny_config(tmp_path), tmp_path / "shape.npm", CPU)
    train_stage("pose", dataset, config, out, CPU, shape_model=tmp_path / "shape.npm", progress=Impatient(2))
    assert train_stage("pose", dataset, config, out, CPU, start=Start("last"))[1].steps == 12


@pytest.mark.slow
def test_a_longer_shape_stage_makes_what_was_built_on_it_begin_again(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    out = tmp_path / "e.npm"
    train_all(dataset, tiny_config(tmp_path), out, CPU)
    longer = tiny_config(tmp_path, shape__schedule__steps="14")
    assert list(train_all(dataset, longer, out, CPU, start=Start("last"))) == list(STAGES)


@pytest.mark.parametrize("rows", [2, 3])
def test_a_state_of_smaller_batches_is_refused_unless_there_are_no_more_rows(
    rows: int, dataset: RegisteredDataset, tmp_path: Path
) -> None:
    config, out = tiny_config(tmp_path, shape__identities_per_batch=str(rows)), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU, progress=Impatient(2))
    larger = tiny_config(tmp_path, shape__identities_per_batch="9")
    if rows == 3:
        assert train_stage("shape", dataset, larger, out, CPU, start=Start("last"))[1].steps == 12
    else:
        with pytest.raises(InputError, match="batches of 2, not 3"):
            train_stage("shape", dataset, larger, out, CPU, start=Start("last"))


def test_two_trainings_of_one_model_at_once_are_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    train_stage("shape", dataset, config, out, CPU)
    before = state_file(out, "shape", "last").read_bytes()
    with (
        TrainingLog(training_folder(out), "shape"),
        pytest.raises(InputError, match="another training writes there"),
    ):
        train_stage("shape", dataset, config, out, CPU, start=Start(restart=True))
    assert state_file(out, "shape", "last").read_bytes() == before
    train_stage("shape", dataset, config, out, CPU, start=Start(restart=True))


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_state_is_refused(content: bytes | None, dataset: RegisteredDataset, tmp_path: Path) -> None:
    out = tmp_path / "e.npm"
    state = state_file(out, "shape", "last")
    write_state(state, {"step": 3, "network": torch.zeros(5000)})
    state.write_bytes(state.read_bytes()[:-200] if content is None else content)
    with pytest.raises(InputError, match="is damaged") as caught:
        train_stage("shape", dataset, tiny_config(tmp_path), out, CPU, start=Start("last"))
    assert "\n" not in str(caught.value)


def test_a_state_that_is_something_else_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    out = tmp_path / "e.npm"
    for content in ({"step": 3}, {}):
        write_state(state_file(out, "shape", "last"), content)
        with pytest.raises(InputError, match=r"shape\.last\.state"):
            train_stage("shape", dataset, tiny_config(tmp_path), out, CPU, start=Start("last"))


def test_distances_that_are_not_numbers_stop_the_training_and_name_their_identity(tmp_path: Path) -> None:
    spoiled = prepared_ellipsoids(tmp_path / "d")
    spoil_pool(spoiled, 1)
    config, out = tiny_config(tmp_path, shape__identities_per_batch="1", keep_every="1"), tmp_path / "e.npm"
    with pytest.raises(InputError, match=r"not finite at step \d, batch ellipsoid_001; ") as caught:
        train_stage("shape", spoiled, config, out, CPU)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    states = list((tmp_path / "e.training").glob("*.state"))
    assert states
    assert all(all_finite(read_state(path)) for path in states)
    # the state from before goes on as soon as the data are good
    good = prepared_ellipsoids(tmp_path / "good")
    _, result = train_stage("shape", good, config, out, CPU, start=Start("last"))
    assert result.steps == 12


def test_vertices_that_are_not_numbers_stop_the_training_and_name_their_frame(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d")
    path = root / "ellipsoid_002" / "bend_1.npy"
    vertices = np.load(path)
    vertices[3] = np.nan
    prepared = prepared_ellipsoids(tmp_path / "good")
    config, out = tiny_config(tmp_path, pose__frames_per_batch="1", pose__schedule__steps="24"), tmp_path / "e.npm"
    train_stage("shape", prepared, config, out, CPU)
    np.save(path, vertices)
    with pytest.raises(InputError, match=r"ellipsoid_002/bend_1/000003"):
        train_stage("pose", load_registered_dataset(root), config, out, CPU)
    assert all_finite(read_state(state_file(out, "pose", "last")))
    assert not load_model(out).has_pose


def test_gradients_that_are_not_finite_count_as_well(dataset: RegisteredDataset, tmp_path: Path) -> None:
    stage = decoder_stage("shape", dataset, tiny_config(tmp_path))
    stepper = make_stepper(stage)
    loss = stage.loss

    def steep(codes: torch.Tensor, *arguments: torch.Tensor) -> object:
        value, metrics = loss(codes, *arguments)
        return value + (codes.detach() - codes).sum().abs().sqrt(), metrics  # zero, of infinite slope

    stepper.step()
    assert stepper.bad_batch() is None
    stepper._loss = steep
    stepper.step()
    bad = stepper.bad_batch()
    assert bad is not None
    assert bad[0] == 1
    assert len(bad[1]) == 2


def test_without_enough_memory_the_batch_is_halved_until_it_fits(
    dataset: RegisteredDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    differentiate, sizes = Stepper._differentiate, []

    def small_device(self: Stepper) -> None:
        sizes.append(self.rows_per_batch)
        if self.rows_per_batch > 6 and self.steps_done >= 2:
            raise torch.OutOfMemoryError("out of memory")
        differentiate(self)

    config, out, told = tiny_config(tmp_path, pose__frames_per_batch="24"), tmp_path / "e.npm", Listener()
    train_stage("shape", dataset, config, out, CPU)
    monkeypatch.setattr(Stepper, "_differentiate", small_device)
    _, result = train_stage("pose", dataset, config, out, CPU, progress=told)
    assert result.steps == 12
    assert np.isfinite(result.metrics["flow"])
    assert sizes == [24] * 3 + [12] + [6] * 10
    assert [message for message in told.messages if "memory" in message] == [
        "out of memory: going on with batches of 12 instead of twice as many",
        "out of memory: going on with batches of 6 instead of twice as many",
    ]
    # a resumed run remembers
    sizes.clear()
    longer = tiny_config(tmp_path, pose__frames_per_batch="24", pose__schedule__steps="14")
    train_stage("pose", dataset, longer, out, CPU, start=Start("last"))
    assert sizes == [6, 6]


def test_a_device_that_is_too_small_for_one_row_is_named(
    dataset: RegisteredDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_device(self: Stepper) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Stepper, "_differentiate", no_device)
    with pytest.raises(InputError, match="memory does not suffice"):
        train_stage("shape", dataset, tiny_config(tmp_path), tmp_path / "e.npm", CPU)


def test_data_that_a_device_cannot_hold_are_refused(
    dataset: RegisteredDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_device(*arguments: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("engine.training.shape_stage.PoolSampler.load", no_device)
    with pytest.raises(InputError, match="do not fit in the memory of cpu"):
        train_stage("shape", dataset, tiny_config(tmp_path), tmp_path / "e.npm", CPU)
    assert not list(tmp_path.glob("e.*"))


def test_held_out_identities_and_frames_are_looked_at(tmp_path: Path) -> None:
    everybody = prepared_ellipsoids(tmp_path / "d", 3)
    known = prepared_ellipsoids(tmp_path / "known", 2)
    config, out = tiny_config(tmp_path), tmp_path / "e.npm"
    for stage in ("shape", "pose", "shape-encoder", "pose-encoder"):
        model, result = train_stage(stage, known, config, out, CPU, validation=everybody)
        (figure,) = result.validation.values()
        assert 0 < figure < 1
        assert model.info.training[stage.replace("-", "_")]["validation"] == pytest.approx(result.validation, abs=1e-6)
        assert model.info.identities == known.identities


def test_looking_at_what_is_held_out_does_not_change_what_is_learned(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    config = tiny_config(tmp_path, shape__decoder__dropout="0.2", preview_every="5")
    looked_at, _ = train_stage("shape", dataset, config, tmp_path / "a.npm", CPU, validation=dataset)
    assert {path.name for path in (tmp_path / "a.training" / "previews").iterdir()} == {
        f"shape-{step:06d}.png" for step in (5, 10, 12)
    }
    alone, _ = train_stage(
        "shape", dataset, tiny_config(tmp_path, shape__decoder__dropout="0.2"), tmp_path / "b.npm", CPU
    )
    assert same_networks(looked_at, alone)


def test_a_look_that_is_broken_off_is_had_when_the_training_goes_on(dataset: RegisteredDataset, tmp_path: Path) -> None:
    class Waiting(Progress):
        """For the end, from the first look on."""

        def __init__(self) -> None:
            self.times, self.is_there = 0, False

        @contextmanager
        def may_be_left(self) -> Iterator[None]:
            self.times += 1
            self.is_there = self.times > 1  # the first is making the stage
            if self.is_there:
                raise Cancelled
            yield

        def is_hurried(self) -> bool:
            return self.is_there

    config, out = tiny_config(tmp_path, validation__every="5"), tmp_path / "parts.npm"
    whole, undisturbed = train_stage("shape", dataset, config, tmp_path / "whole.npm", CPU, validation=dataset)
    stopped, result = train_stage("shape", dataset, config, out, CPU, validation=dataset, progress=Waiting())
    assert (result.steps, result.interrupted, result.validation) == (5, True, {})
    assert "lipschitz" not in stopped.info.training
    assert len(load_model(out).shape_codes) == len(dataset.identities)
    parts, result = train_stage("shape", dataset, config, out, CPU, start=Start("last"), validation=dataset)
    assert same_networks(whole, parts)
    assert result.validation == undisturbed.validation
    logs = [(training_folder(path) / "log.jsonl").read_text().splitlines() for path in (tmp_path / "whole.npm", out)]
    looks = [[row["step"] for row in map(json.loads, log) if row["kind"] == "validation"] for log in logs]
    assert looks == [[5, 10, 12]] * 2


def test_a_listener_is_shown_the_pictures(dataset: RegisteredDataset, tmp_path: Path) -> None:
    shown = []

    class Viewer(Progress):
        def preview(self, payload: object) -> None:
            assert isinstance(payload, np.ndarray)
            shown.append(payload.shape)

    train_stage("shape", dataset, tiny_config(tmp_path, preview_every="6"), tmp_path / "e.npm", CPU, progress=Viewer())
    assert shown == [(4, 4, 3)] * 2
