"""Folders of depth images, 16-bit PNG above all, with intrinsics in any of the usual forms.

Images lie in the folder itself or in a subfolder whose name holds the word depth. Where several places hold depth, or
one holds several kinds of files, one is read and the others are named.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Remedy, Setting, remedy
from engine.core.files import natural_key
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures import intrinsics
from external.captures.depth_pictures import ENDINGS, check_picture, is_float, read_picture
from external.captures.known_datasets import known_dataset
from external.captures.stream_names import other_stream, says_depth

_LOOKED_AT = 5
_KINDS = {".png": "16-bit PNG", ".pgm": "16-bit PGM", ".tif": "TIFF", ".npy": ".npy"}
PUT = "put 16-bit PNG files into its subfolder depth/"


@dataclass(frozen=True)
class Images:
    """Depth images of one kind in one place."""

    paths: tuple[Path, ...]
    kind: str

    @property
    def place(self) -> Path:
        return self.paths[0].parent

    def holds_depth(self) -> bool:
        """Whether one of the first few can be used, by its header."""
        return any(_usable(path) for path in self.paths[:_LOOKED_AT])


def depth_images(folder: Path) -> tuple[Images, ...]:
    """What of ``folder`` may be depth images, the most likely first: those that can be used are before all others.

    Subfolders come before the folder itself and ``depth`` before other names with that word. Where some file names
    hold the word depth and others do not (``frame-000000.depth.png`` beside ``.color.png``), those that do count.
    """
    named = (path for path in folder.iterdir() if path.is_dir() and says_depth(path.name) and path.name[0] != ".")
    places = sorted(named, key=lambda path: (path.name.lower() != "depth", natural_key(path)))
    found = [images for place in (*places, folder) for images in _images(place)]
    if len(found) < 2:
        return tuple(found)
    return tuple(sorted(found, key=lambda images: not images.holds_depth()))


def _images(place: Path) -> list[Images]:
    """By kind of file, the most numerous first, of equal ones PNG."""
    kinds: defaultdict[str, list[Path]] = defaultdict(list)
    for path in place.iterdir():
        ending = path.suffix.lower()
        if ending in ENDINGS and not path.name.startswith(".") and path.is_file():
            kinds[".tif" if ending == ".tiff" else ending].append(path)
    if (arrays := kinds.get(".npy")) and not any(_usable(path) for path in arrays):
        del kinds[".npy"]  # matrices, meshes and stacks are arrays too
    found = []
    for ending, paths in kinds.items():
        likely = [path for path in paths if says_depth(path.name)] or [p for p in paths if not other_stream(p.stem)]
        chosen = [path for path in likely or paths if ending != ".npy" or _usable(path)]
        if chosen:
            found.append(Images(tuple(sorted(chosen, key=natural_key)), _KINDS[ending]))
    return sorted(found, key=lambda images: (-len(images.paths), list(_KINDS.values()).index(images.kind)))


def _usable(path: Path) -> bool:
    try:
        check_picture(path)
    except InputError:
        return False
    return True


def read_png_folder(folder: Path, options: CaptureOptions) -> Recording:
    """A folder of depth images; ``intrinsics.json`` may state depth_scale and frame_rate too.

    Raises:
        InputError: no file is a depth image, they are of another kind by their names, or there are no intrinsics.
    """
    images, *others = depth_images(folder) or (None,)
    paths = () if images is None else images.paths
    size = first_size(paths, folder)
    known = known_dataset(folder)
    assert images is not None
    chosen = intrinsics.chosen_intrinsics(options.intrinsics, folder, images.place)
    chosen = chosen or (known.camera if known else None)
    refuse_other_streams(images, folder)
    if chosen is None:
        raise intrinsics.no_intrinsics(folder, images.place, size)
    camera, said = intrinsics.scaled_to(chosen, size)
    if known is not None and chosen is known.camera:
        text = f"{known.camera.source} is taken by the name of the folder"
        said += (Notice(text, remedy("give {} if that is wrong", Setting.INTRINSICS)),)

    def read_stored(index: int) -> NDArray[Any]:
        return read_picture(paths[index])

    where = f"{images.place.name}/" if images.place != folder else "the folder"
    floats = is_float(paths[0])
    kind = f"floating-point {images.kind}" if floats else images.kind
    return Recording(
        path=folder,
        origin=f"folder of {kind}: {where} has {len(paths)} of them, {chosen.origin}",
        camera=camera,
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=chosen.depth_scale,
        expected_units=1.0 if floats else known.units_per_metre if known else None,
        expected_of=known.title if known and not floats else "",
        frame_rate=chosen.frame_rate,
        warnings=said + tuple(_left_out(other, images, folder) for other in others if other.holds_depth()),
    )


def refuse_other_streams(images: Images, folder: Path) -> None:
    """Refuse what its names say is infrared, thermal or the like.

    Raises:
        InputError: they do.
    """
    name, first = images.place.resolve().name, images.paths[0]
    kind = other_stream(first.stem) or other_stream(name)
    if kind in ("", "colour") or says_depth(name) or says_depth(first.stem):  # "aligned_to_color" is depth
        return
    problem = f"holds {kind} images by its name or theirs ({first.name}), no depth"
    raise InputError(folder, problem, "give the folder of the depth images, or rename it if they are depth")


def _left_out(other: Images, chosen: Images, folder: Path) -> Notice:
    """What is said of depth images that are not read because others are."""
    count, where = len(other.paths), "the folder" if chosen.place == folder else f"{chosen.place.name}/"
    if other.place == chosen.place:
        text = f"{where} holds {count} {other.kind} files of depth as well, which are not read"
        return Notice(text, Remedy("give them a folder of their own"))
    if other.place == folder:
        text = f"{count} {other.kind} files of depth in the folder itself are not read, because {where} has depth"
        return Notice(text, Remedy(f"move {where} away to read them"))
    text = f"{other.place.name}/ holds {count} {other.kind} files of depth as well, which are not read"
    return Notice(text, Remedy("give that folder to read them"))


def first_size(paths: tuple[Path, ...], folder: Path) -> tuple[int, int]:
    """Width and height of the first depth image whose header can be used.

    Raises:
        InputError: none can; names the first and what is wrong with it.
    """
    first: InputError | None = None
    for path in paths:
        try:
            return check_picture(path)
        except InputError as error:
            first = first or error
    if first is None:
        raise InputError(folder, "has no depth images", PUT)
    problem = f"none of its {len(paths)} images can be used, the first ({Path(first.subject).name}) {first.problem}"
    raise InputError(folder, problem, first.remedy)


READER = RecordingReader(
    id="png-folder",
    title="16-bit PNG",
    form="a folder of 16-bit PNG (or PGM, TIFF, .npy) with intrinsics.json",
    read=read_png_folder,
    folder=lambda folder: "has depth images" if depth_images(folder) else "",
    parts=(".png", ".pgm", ".tif", ".tiff", "intrinsics.json"),
    rank=20,
)
