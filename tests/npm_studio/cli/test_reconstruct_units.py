"""`reconstruct --unit`: where the meshes are, and what their files say of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.mesh import load_mesh
from engine.geometry.ply import stated_unit
from npm_studio.cli.main import main
from tests.support.toy_model import toy_model


@pytest.fixture
def model(toy_folder: Path, tmp_path: Path) -> Path:
    """The toy model, as if it had learned from files in centimetres with Z up."""
    folder = Path(shutil.copytree(toy_folder, tmp_path / "toy.npm"))
    description = json.loads((folder / "model.json").read_text())
    description["training"]["recipe"] = {"unit": "cm", "up": "z"}
    (folder / "model.json").write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize(("unit", "said"), [("canonical", "canonical units"), ("m", "m, Y up"), ("source", "cm, Z up")])
def test_files_say_the_unit_that_their_meshes_have(unit: str, said: str, model: Path, tmp_path: Path) -> None:
    paths = {}
    for each in ("m", unit):
        paths[each] = tmp_path / f"{each}.ply"
        words = ["reconstruct", "--model", str(model), "--identity", "0", "--resolution", "32", "--device", "cpu"]
        assert main([*words, "--unit", each, "--out", str(paths[each])]) == 0
    assert stated_unit(paths[unit]) == said
    metres, found = load_mesh(paths["m"]).vertices, load_mesh(paths[unit]).vertices
    x, y, z = metres.T
    expected = {
        "m": metres,
        "canonical": toy_model().info.similarity.to_canonical(metres),
        "source": 100 * np.stack((x, -z, y), axis=1),
    }[unit]
    np.testing.assert_allclose(found, expected, atol=1e-4)
