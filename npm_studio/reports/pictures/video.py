"""Videos of meshes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.geometry.mesh import Mesh
from npm_studio.reports.pictures.renderer import THREE_QUARTER, OffscreenRenderer, Scene, ViewDirection


def render_mesh_video(
    meshes: Iterable[Mesh],
    path: Path,
    fps: float,
    size: tuple[int, int] = (720, 720),
    view: ViewDirection = THREE_QUARTER,
) -> None:
    """Write an MP4 of ``meshes``, one after the other, seen by one camera that stands still.

    Raises:
        InputError: there are no meshes, or this machine cannot draw.
    """
    frames = list(meshes)
    if not frames:
        raise InputError(path, "there is nothing to show")
    extent = np.concatenate([mesh.vertices for mesh in frames])
    with OffscreenRenderer(*size) as renderer:
        write_video((renderer.picture(Scene([mesh]), view, extent) for mesh in frames), path, fps)


def write_video(pictures: Iterable[NDArray[np.uint8]], path: Path, fps: float) -> None:
    """Write ``pictures`` (H, W, 3) as an MP4 that every browser plays (H.264, 4:2:0); odd sizes lose a line.

    Raises:
        InputError: there are no pictures.
    """

    import imageio_ffmpeg

    with replacing_file(path) as temporary:
        writer: Any = None
        try:
            for picture in pictures:
                height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
                if writer is None:
                    writer = imageio_ffmpeg.write_frames(
                        str(temporary),
                        (width, height),
                        fps=fps,
                        codec="libx264",
                        pix_fmt_out="yuv420p",
                        quality=None,
                        macro_block_size=1,
                        output_params=["-crf", "20", "-movflags", "+faststart"],
                    )
                    writer.send(None)
                writer.send(np.ascontiguousarray(picture[:height, :width]))
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise InputError(path, "there is nothing to show")
