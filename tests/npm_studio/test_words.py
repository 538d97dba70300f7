"""Both front ends have words for everything that the engine names, and those of the command line exist."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import Choice, Do, InputError, Setting, Task, remedy
from npm_studio import command_lines
from npm_studio.cli import words as command_line
from npm_studio.cli.main import COMMANDS, build_parser
from npm_studio.cli.parser import DeferredParser
from npm_studio.views import words as window

DATASET_IMPORTS = tuple(f"dataset {kind}" for kind in ("smpl", "mano", "cape", "meshes", "dt4d", "normalise"))
RECORDINGS = ("capture info", "capture show", "capture convert", "fit")
WHERE: dict[Setting, tuple[str, ...]] = {
    Setting.DEVICE: ("demo", "dataset render", "train", "card", "reconstruct", "interpolate", "transfer", "fit"),
    Setting.OUT: ("train", "fit", "import-checkpoint", "export-checkpoint"),
    Setting.SEED: ("dataset anny", "dataset hands", "dataset bvh", "dataset flow", "prepare", "train", "fit"),
    Setting.RESUME: ("train",),
    Setting.RESTART: ("train",),
    Setting.START_MODEL: ("train",),
    Setting.FILL_LOST: ("fit",),
    Setting.DEPTH_UNITS: RECORDINGS,
    Setting.INTRINSICS: RECORDINGS,
    Setting.STREAM: RECORDINGS,
    Setting.DEPTH_RANGE: RECORDINGS,
    Setting.MASKS: RECORDINGS,
    Setting.REMOVE_PLANES: RECORDINGS,
    Setting.SUBJECT: ("fit",),
    Setting.FOLLOW: ("track",),
    Setting.NEAR_SAMPLES: ("prepare",),
    Setting.UNIFORM_SAMPLES: ("prepare",),
    Setting.SURFACE_SAMPLES: ("prepare",),
    Setting.CANONICAL_MESH: ("dataset meshes",),
    Setting.MESH_UNIT: ("evaluate", "dataset meshes"),
    Setting.UP_AXIS: ("evaluate", "dataset meshes", "export"),
    Setting.NORMALISATION: (*DATASET_IMPORTS, "dataset grids", "import-checkpoint"),
    Setting.IDENTITIES: ("dataset anny", "dataset hands", "dataset bvh"),
    Setting.SEQUENCES: ("dataset anny", "dataset hands"),
    Setting.FRAMES: ("dataset anny", "dataset hands", "dataset bvh", "split subsample"),
    Setting.POINTS: ("dataset flow",),
    Setting.FRAME_RATE: ("dataset bvh",),
    Setting.BODY_MODEL: ("dataset smpl", "dataset mano", "dataset cape"),
    Setting.FLAT_HAND_MEAN: ("dataset mano",),
    Setting.SPLIT: ("dataset npms",),
    Setting.DATASET: ("dataset npms", "evaluate"),
    Setting.TRUTH: ("compare",),
    Setting.SHAPE_ENCODER: ("import-checkpoint", "export-checkpoint"),
    Setting.POSE_ENCODER: ("import-checkpoint", "export-checkpoint"),
    Setting.HELD_OUT_IDENTITIES: ("split hold-out",),
    Setting.HELD_OUT_MOTIONS: ("split hold-out",),
    Setting.VALIDATION: ("split encoder",),
    Setting.SPREAD: ("prepare", "dataset flow"),
    Setting.TOLERANCE: ("prepare",),
    Setting.CHECKED: ("prepare",),
    Setting.EXPORT_FORMAT: ("export",),
    Setting.FRAME_OF_REFERENCE: ("export",),
    Setting.EVERY: ("export",),
    Setting.ONLY: ("export",),
    Setting.COLOURS: ("export",),
}
"""The commands whose errors may name a setting."""


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    """Of every command and of what it is divided into, by their words."""
    return {name: parser for command in COMMANDS for name, parser in _parsers(command)}


@pytest.mark.parametrize("setting", Setting)
def test_flags_of_a_setting_exist_in_the_commands_whose_errors_name_it(
    setting: Setting, parsers: dict[str, argparse.ArgumentParser]
) -> None:
    assert WHERE[setting]
    for command in WHERE[setting]:
        flags = {flag for action in parsers[command]._actions for flag in action.option_strings}
        assert set(command_line.FLAGS[setting]) <= flags, command


@pytest.mark.parametrize("task", Task)
def test_the_command_of_a_task_exists(task: Task, parsers: dict[str, argparse.ArgumentParser]) -> None:
    assert command_lines.COMMANDS[task] in parsers


@pytest.mark.parametrize("named", [*Setting, *Task])
def test_everything_has_words_in_both_front_ends_and_plain_ones_without_flags(named: Setting | Task) -> None:
    assert command_line.words(named)
    assert window.words(named)
    assert not re.search(r"--|npm-studio", named.value)


def test_values_are_quoted_for_a_shell() -> None:
    folder = Path("/data/with space; rm -r")
    text = command_line.words(Do(Task.PREPARE, folder))
    assert shlex.split(text.removeprefix("run `").removesuffix("`")) == ["npm-studio", "prepare", str(folder)]
    assert command_line.words(Choice(Setting.SPLIT, "my split")) == "--split 'my split'"


def test_a_remedy_keeps_braces_in_names() -> None:
    error = InputError("a{}", "is {odd}", remedy("choose one with {}: {}", Setting.DATASET, "{b}"))
    assert error.line(command_line.words) == "a{}: is {odd}; choose one with --dataset: {b}"


def test_what_only_the_command_line_states_is_said_so_in_the_window() -> None:
    assert window.words(Setting.MASKS) == "the masks (on the command line)"
    assert window.words(Do(Task.PREPARE, "data")) == "run `npm-studio prepare data` in a terminal"
    assert window.words(Setting.DEPTH_UNITS) == "“Depth units per metre”"


def _parsers(command: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    top = build_parser(command)
    yield from _walk(command, _children(top)[command])


def _walk(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    if isinstance(parser, DeferredParser):
        parser.configure_now()
    yield name, parser
    for child, inner in _children(parser).items():
        yield from _walk(f"{name} {child}", inner)
    for action in parser._actions:
        if not action.option_strings and action.choices and not isinstance(action, argparse._SubParsersAction):
            for choice in action.choices:
                yield f"{name} {choice}", parser


def _children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: child for action in found for name, child in action.choices.items()}
