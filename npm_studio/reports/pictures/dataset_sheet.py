"""Contact sheets of registered datasets: canonical meshes, poses, signed-distance samples, correspondences."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset.pools import load_pools
from engine.dataset.registered import RegisteredDataset
from engine.geometry.mesh import Mesh
from engine.geometry.topology import triangle_areas
from npm_studio.reports.pictures.renderer import THREE_QUARTER, OffscreenRenderer, Scene, ViewDirection
from npm_studio.reports.pictures.runs import spread
from npm_studio.reports.pictures.sheet import INK, caption, font, grid, strip

SheetKind = Literal["canonical", "poses", "samples", "flow"]
TITLES: dict[SheetKind, str] = {
    "canonical": "Canonical meshes",
    "poses": "Poses",
    "samples": "Signed-distance samples",
    "flow": "Correspondences",
}
INSIDE, OUTSIDE = "#2f6db3", "#d9583b"
_COLUMNS = 6
_TILE = (300, 380)
_SLAB = 0.02
_MOST_POINTS = 12_000
_SAMPLES_LEGEND = (
    (INSIDE, "inside"),
    (OUTSIDE, "outside"),
    (
        None,
        f"near and uniform samples within {_SLAB:g} of the middle, and the surface behind them, seen from the front",
    ),
)
_FLOW_LEGEND = ((None, "the colour of a point is its canonical position"),)


def dataset_sheet(
    dataset: RegisteredDataset, kind: SheetKind, identities: int = 6, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of at most ``identities`` identities, evenly spread over ``dataset``.

    Raises:
        InputError: a mesh cannot be read or drawn, or there are no samples yet.
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    chosen = spread(identities, len(dataset.identities))
    if not chosen:
        raise InputError(dataset.root, "has no identities", "make it again")
    progress.stage(f"picture of {kind}", len(chosen))
    together = kind in ("canonical", "samples")  # one tile per identity, one scale for all
    extent = np.zeros((0, 3), np.float32)
    if together:
        extent = np.concatenate([_canonical(dataset, identity).vertices for identity in chosen])
    rows = []
    with OffscreenRenderer(*_TILE) as renderer:
        for done, identity in enumerate(chosen, 1):
            if progress.cancelled():
                raise Cancelled
            match kind:
                case "canonical":
                    rows.append(_canonical_tiles(renderer, dataset, identity, extent))
                case "samples":
                    rows.append(_samples_tiles(renderer, dataset, identity, extent))
                case "poses":
                    rows.append(_pose_tiles(renderer, dataset, identity))
                case "flow":
                    rows.append(_flow_tiles(renderer, dataset, identity))
            progress.advance(done)
    if together:
        tiles = [tile for row in rows for tile in row]
        parts = [grid(tiles, min(_COLUMNS, len(tiles)))]
    else:
        names = [_line(dataset.identities[identity], 22, 38) for identity in chosen]
        parts = [part for name, row in zip(names, rows, strict=True) for part in (name, strip(row))]
    title = f"{dataset.name}: {TITLES[kind].lower()} of {_counted(len(chosen), len(dataset.identities))}"
    legend = {"samples": _SAMPLES_LEGEND, "flow": _FLOW_LEGEND}.get(kind)
    return stack([_line(title, 28, 56), *parts, *([] if legend is None else [_legend(legend)])])


def stack(pictures: Sequence[NDArray[np.uint8]], gap: int = 8) -> NDArray[np.uint8]:
    """Pictures (H_i, W_i, 3) below each other, left-aligned on white, ``gap`` pixels between and around them."""
    width = max(picture.shape[1] for picture in pictures) + 2 * gap
    sheet = np.full((sum(picture.shape[0] + gap for picture in pictures) + gap, width, 3), 255, np.uint8)
    top = gap
    for picture in pictures:
        sheet[top : top + picture.shape[0], gap : gap + picture.shape[1]] = picture
        top += picture.shape[0] + gap
    return sheet


def position_colours(vertices: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours (V, 3) of canonical ``vertices`` (V, 3): red, green and blue grow along x, y and z."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    fraction = (vertices - low) / np.maximum(high - low, 1e-9)
    return np.rint(255 * (0.12 + 0.83 * fraction)).astype(np.uint8)


def _canonical_tiles(
    renderer: OffscreenRenderer, dataset: RegisteredDataset, identity: int, extent: NDArray[np.float32]
) -> list[NDArray[np.uint8]]:
    picture = renderer.picture(Scene([_canonical(dataset, identity)]), THREE_QUARTER, extent)
    return [_captioned(picture, dataset.identities[identity])]


def _samples_tiles(
    renderer: OffscreenRenderer, dataset: RegisteredDataset, identity: int, extent: NDArray[np.float32]
) -> list[NDArray[np.uint8]]:
    pools, mesh = load_pools(dataset, identity), _canonical(dataset, identity)
    depths = mesh.vertices[mesh.faces][:, :, 2]  # (T, 3)
    middle = np.average(depths.mean(axis=1), weights=triangle_areas(mesh.vertices, mesh.faces) + 1e-12)
    samples = np.concatenate([part[np.abs(part[:, 2] - middle) < _SLAB] for part in (pools.near, pools.uniform)])
    generator = np.random.default_rng(0)
    samples = samples[generator.permutation(len(samples))[:_MOST_POINTS]]
    low, high = extent.min(axis=0) - 0.06, extent.max(axis=0) + 0.06
    samples = samples[((samples[:, :3] > low) & (samples[:, :3] < high)).all(axis=1)]
    behind = [Mesh(mesh.vertices, mesh.faces[(depths < middle).all(axis=1)])]
    scene = Scene(behind)
    if len(samples):
        colours = np.where(samples[:, 3:] < 0, _rgb(INSIDE), _rgb(OUTSIDE)).astype(np.uint8)
        scene = Scene(behind, points=samples[:, :3], point_colours=colours, point_size=3.0)
    return [_captioned(renderer.picture(scene, ViewDirection(0, 0), extent), dataset.identities[identity])]


def _pose_tiles(renderer: OffscreenRenderer, dataset: RegisteredDataset, identity: int) -> list[NDArray[np.uint8]]:
    frames = _some_frames(dataset, identity, _COLUMNS)
    extent = np.concatenate([mesh.vertices for _, mesh in frames])
    return [_captioned(renderer.picture(Scene([mesh]), THREE_QUARTER, extent), name) for name, mesh in frames]


def _flow_tiles(renderer: OffscreenRenderer, dataset: RegisteredDataset, identity: int) -> list[NDArray[np.uint8]]:
    canonical = _canonical(dataset, identity)
    colours = position_colours(canonical.vertices)
    frames = [("canonical", canonical), *_some_frames(dataset, identity, _COLUMNS - 1)]
    extent = np.concatenate([mesh.vertices for _, mesh in frames])
    tiles = []
    for name, mesh in frames:
        if mesh.vertices.shape != canonical.vertices.shape:
            what = f"has {len(mesh.vertices)} vertices, the canonical mesh {len(canonical.vertices)}"
            raise InputError(f"{dataset.root}: {dataset.identities[identity]}/{name}", what, "make it again")
        tiles.append(_captioned(renderer.picture(Scene([mesh], [colours]), THREE_QUARTER, extent), name))
    return tiles


def _canonical(dataset: RegisteredDataset, identity: int) -> Mesh:
    return _mesh(dataset, identity, dataset.canonical(identity), "canonical mesh")


def _some_frames(dataset: RegisteredDataset, identity: int, count: int) -> list[tuple[str, Mesh]]:
    """At most ``count`` posed meshes of one identity with their names, evenly spread over its sequences."""
    places = [(s, sample) for s in dataset.sequences_of(identity) for sample in dataset.samples_of(identity, s)]
    stored = dataset.stored[identity]
    frames = []
    for sequence, sample in (places[index] for index in spread(count, len(places))):
        name = f"{sequence}/{sample}"
        samples = stored.store.samples(stored.name, sequence)
        if sample not in samples:
            raise InputError(dataset.root / "labels.json", f"names frame {stored.name}/{name}, which does not exist")
        rows = np.array([samples.index(sample)])
        vertices = np.asarray(stored.store.frames(stored.name, sequence, rows)[0], np.float32)
        frames.append((name, _mesh(dataset, identity, vertices, name)))
    if not frames:
        raise InputError(f"{dataset.root}: {stored.name}", "has no posed frames", "choose --kind canonical")
    return frames


def _mesh(dataset: RegisteredDataset, identity: int, vertices: NDArray[np.float32], what: str) -> Mesh:
    if not np.isfinite(vertices).all():
        subject = f"{dataset.root}: {dataset.identities[identity]}"
        raise InputError(subject, f"{what} has vertices that are not finite", "run `npm-studio dataset verify`")
    return Mesh(vertices, dataset.faces(identity))


def _captioned(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    return caption(picture, _shortened(text, picture.shape[1] - 12, 20))


def _shortened(text: str, width: int, size: int) -> str:
    """``text`` with its middle left out where it is wider than ``width`` pixels."""
    letters = font(size)
    kept = len(text)
    shown = text
    while letters.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def _line(text: str, size: int, height: int) -> NDArray[np.uint8]:
    width = int(font(size).getlength(text)) + 8
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((2, height // 2), text, INK, font(size), anchor="lm")
    return np.asarray(image)


def _legend(entries: Sequence[tuple[str | None, str]]) -> NDArray[np.uint8]:
    """A line of text with a dot before each entry that has a colour."""
    letters = font(18)
    width = int(sum(letters.getlength(text) + 50 for _, text in entries))
    image = Image.new("RGB", (width, 40), "white")
    draw, x = ImageDraw.Draw(image), 6.0
    for colour, text in entries:
        if colour is not None:
            draw.ellipse((x, 13, x + 14, 27), colour)
            x += 22
        draw.text((x, 20), text, INK, letters, anchor="lm")
        x += letters.getlength(text) + 28
    return np.asarray(image)


def _counted(shown: int, total: int) -> str:
    if shown < total:
        return f"{shown} of {total} identities"
    return f"all {total} identities" if total > 1 else "one identity"


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[index : index + 2], 16) for index in (1, 3, 5))
