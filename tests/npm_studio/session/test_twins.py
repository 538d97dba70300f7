"""Command lines that do what the window shows: the parsers of the commands take them."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from engine.models.named_codes import load_codes, save_codes
from npm_studio.cli.keyframes import path_of as path_of_command
from npm_studio.cli.main import build_parser
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.keyframes import path_of, with_key
from npm_studio.session.document.state import Interpolation, Keyframe, Transfer
from npm_studio.session.twins import interpolation_command, interpolation_needs_file, transfer_command
from tests.support.toy_model import toy_model

MODEL = Path("/models/toy model.npm")


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(toy_model(), seed=0)


def way(explorer: Explorer) -> Interpolation:
    rows = [explorer.model.frames_of(identity)[2] for identity in (0, 1)]
    keys = (Keyframe(0.0, explorer.trained(0, rows[0])), Keyframe(1.5, explorer.trained(1, rows[1])))
    return Interpolation(keys)


def test_training_codes_are_named_and_the_command_goes_the_same_way(explorer: Explorer) -> None:
    third = explorer.trained(2, explorer.model.frames_of(2)[1])
    now = replace(with_key(way(explorer), third, 0.5), smooth=True)
    assert not interpolation_needs_file(explorer.model, now)
    command = interpolation_command(MODEL, explorer.model, now)
    assert command == (
        "npm-studio interpolate --model '/models/toy model.npm' --from tall:bend/000002 --through stout:bend/000001 "
        "--to small:bend/000002 --space both --steps 46 --times 0 0.5 1.5 --smooth --out interpolation"
    )
    options = build_parser("interpolate").parse_args(shlex.split(command)[1:])
    theirs, ours = path_of_command(options, explorer.model), path_of(now)
    assert theirs.shapes.equal(ours.shapes)
    assert theirs.poses is not None and ours.poses is not None
    assert theirs.poses.equal(ours.poses)
    assert list(theirs.times) == list(ours.times)


def test_own_codes_are_read_from_a_file_and_constant_speed_has_no_times(explorer: Explorer, tmp_path: Path) -> None:
    own = explorer.randomised(explorer.first(), "shape")
    now = replace(with_key(way(explorer), own, 0.5), constant_speed=True)
    assert interpolation_needs_file(explorer.model, now)
    path = path_of(now)
    save_codes(tmp_path / "keys.npz", path.shapes, path.poses)
    shapes, _ = load_codes(tmp_path / "keys.npz", explorer.model)
    assert shapes.equal(path.shapes)
    command = interpolation_command(MODEL, explorer.model, now, tmp_path / "keys.npz")
    assert f"--keyframes {tmp_path / 'keys.npz'} --space both --steps 46 --constant-speed" in command
    assert "--times" not in command


def test_a_transfer_names_its_pose_or_its_run_and_its_bodies(explorer: Explorer) -> None:
    now = Transfer((explorer.trained(1), explorer.trained(3)), explorer.trained(0, 2))
    assert transfer_command(MODEL, explorer.model, now) == (
        "npm-studio transfer --model '/models/toy model.npm' --pose-from tall --frames bend/000002 "
        "--to small lean --out transfer"
    )
    run = transfer_command(MODEL, explorer.model, replace(now, run=Path("/runs/walk")))
    assert run == "npm-studio transfer --run /runs/walk --to small lean --out transfer"
    own = explorer.randomised(explorer.first(), "shape")
    assert transfer_command(MODEL, explorer.model, replace(now, bodies=(own,))) is None
