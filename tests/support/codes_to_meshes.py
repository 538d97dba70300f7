"""Commands that make meshes of codes of a toy model: asked, and what they answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, load_mesh
from engine.models.checkpoint import load_model
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.cli.main import main
from tests.support.present import present
from tests.support.toy_model import CODE_SIZE, toy_model


def ask(command: str, model: str, *arguments: object) -> list[str]:
    return [command, "--model", model, "--resolution", "32", "--device", "cpu", "--json", *map(str, arguments)]


def results(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    assert main(arguments) == 0
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return parsed


def refusal(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def expected_mesh(identity: int, frame: int | None = None) -> Mesh:
    model = toy_model()
    shape = model.shape_codes[identity]
    canonical = extract_surface(model, shape, 32)
    if frame is None:
        return canonical
    return Mesh(pose_vertices(model, shape, present(model.pose_codes)[frame], canonical.vertices), canonical.faces)


def assert_equal(path: Path, mesh: Mesh) -> None:
    loaded = load_mesh(path)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)
    np.testing.assert_allclose(loaded.vertices, mesh.vertices, atol=1e-6)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def write_codes(path: Path) -> None:
    toy = toy_model()
    old = np.ones((1, 1, CODE_SIZE), np.float32)
    shape = np.concatenate((old, toy.shape_codes[2].numpy()[None, None]), axis=1)  # (1, 2, C)
    pose = np.stack((np.ones((3, CODE_SIZE), np.float32), present(toy.pose_codes)[12:15].numpy()), axis=1)  # (3, 2, C)
    np.savez(path, shape=shape, pose=pose)


def code_without_surface(model: str) -> NDArray[np.float32]:
    loaded = load_model(Path(model), torch.device("cpu"))
    for scale in (10, -10, 30, -30, 100, -100):
        code = np.full(CODE_SIZE, scale, np.float32)
        if extract_surface(loaded, torch.from_numpy(code), 24).is_empty:
            return code
    raise AssertionError("every code has a surface")
