"""Pictures of what a model has learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.models.model import NeuralParametricModel
from engine.models.named_codes import IdentityFrame
from engine.models.networks.decoder import PoseDecoder, ShapeDecoder
from engine.training.preview import preview_identities, preview_picture, write_png
from tests.support.present import present
from tests.support.toy_model import CODE_SIZE, NETWORK, toy_model


def covered_pixels(picture: np.ndarray) -> np.ndarray:
    """Whether each pixel (H, W) shows a surface."""
    return np.abs(picture.astype(int) - picture[0, 0]).max(axis=2) > 20


def covered(picture: np.ndarray) -> np.ndarray:
    """Whether something is in each of the cells (rows, 4) of a sheet of two rows."""
    pixels = covered_pixels(picture)
    half = len(picture) // 2
    return np.array([[part.any() for part in np.array_split(row, 4, axis=1)] for row in (pixels[:half], pixels[half:])])


def test_a_sheet_shows_four_subjects_canonical_and_posed() -> None:
    picture = preview_picture(toy_model(), resolution=32, size=60)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.shape[1] > 4 * 40
    assert covered(picture).all()
    assert (picture[0] == picture[0, 0]).all()  # a margin all around
    assert (picture[:, -1] == picture[0, 0]).all()
    assert picture[0, 0].min() > 230  # light
    assert len(np.unique(picture[covered_pixels(picture)], axis=0)) > 50  # and a shaded surface


def test_the_same_model_gives_the_same_picture() -> None:
    assert np.array_equal(preview_picture(toy_model(), 24, 40), preview_picture(toy_model(), 24, 40))


def test_subjects_are_spread_over_the_identities_and_their_frames_belong_to_them() -> None:
    model = toy_model()
    names = tuple(f"doll {index}" for index in range(9))
    many = replace(
        model,
        info=replace(model.info, identities=names, frames=()),
        shape_codes=model.shape_codes[torch.arange(9) % 4],
        pose_decoder=None,
        pose_codes=None,
    )
    assert preview_identities(many) == [IdentityFrame(row) for row in (0, 3, 5, 8)]
    for one in preview_identities(model):
        assert model.info.frames[present(one.frame)].identity == one.identity


def test_a_model_without_poses_has_one_row() -> None:
    model = toy_model()
    shape_only = replace(model, info=replace(model.info, frames=()), pose_decoder=None, pose_codes=None)
    one, two = preview_picture(shape_only, 24, 60), preview_picture(model, 24, 60)
    assert len(one) < 0.75 * len(two)


def with_constant_distance(value: float) -> NeuralParametricModel:
    decoder = ShapeDecoder(CODE_SIZE, NETWORK)
    decoder.load_state_dict(toy_model().shape_decoder.state_dict())
    with torch.no_grad():
        last = decoder.layer(NETWORK.layers)
        last.weight.zero_()
        last.bias.fill_(value)
    return replace(toy_model(), shape_decoder=decoder.eval())


def test_a_model_without_a_surface_gives_a_blank_picture() -> None:
    picture = preview_picture(with_constant_distance(0.5), 24, 60)
    assert min(picture.shape[:2]) > 60
    assert (picture == picture[0, 0]).all()


def test_a_model_that_has_gone_astray_gives_a_picture_all_the_same() -> None:
    assert (preview_picture(with_constant_distance(float("nan")), 24, 60) >= 0).all()
    poses = PoseDecoder(CODE_SIZE, CODE_SIZE, NETWORK)
    with torch.no_grad():
        poses.layer(NETWORK.layers).bias.fill_(float("inf"))
    cells = covered(preview_picture(replace(toy_model(), pose_decoder=poses.eval()), 24, 60))
    assert cells[0].all()
    assert not cells[1].any()


def test_a_picture_on_disk_is_small_and_looks_the_same(tmp_path: Path) -> None:
    picture = preview_picture(toy_model(), 32, 120)
    write_png(picture, tmp_path / "previews" / "shape-001000.png")
    with Image.open(tmp_path / "previews" / "shape-001000.png") as image:
        stored = np.asarray(image.convert("RGB"))
    assert np.abs(stored.astype(int) - picture).max() <= 24
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["shape-001000.png"]
