"""PC2 point caches: the vertices of all frames, without triangles.

The layout is that of Autodesk's Point Cache 2, as Blender's modifier "Mesh Cache" reads it: ``POINTCACHE2\\0``, int32
version, int32 number of points, float32 first frame, float32 frames between samples, int32 number of samples, and then
float32 x, y, z of each point of each sample; all little-endian. The rate is that of the scene that it is played in.
"""

import struct
from pathlib import Path

from engine.core.errors import Cancelled, InputError
from engine.core.files import replacing_file
from engine.core.progress import Progress
from engine.exports.content import ExportContent
from engine.exports.export_format import ExportFormat

_HEADER = struct.Struct("<12siiffi")


def write_point_cache(content: ExportContent, out: Path, progress: Progress) -> None:
    """Write the vertices of ``content``, one sample for each frame, the first at frame 0.

    Raises:
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    meshes = content.meshes
    points = len(meshes.read(0).vertices)
    progress.stage("export", len(meshes))
    with replacing_file(out) as temporary, temporary.open("wb") as file:
        file.write(_HEADER.pack(b"POINTCACHE2\0", 1, points, 0.0, 1.0, len(meshes)))
        for index, mesh in enumerate(meshes):
            if progress.cancelled():
                raise Cancelled
            if len(mesh.vertices) != points:
                raise InputError(f"{meshes.title}: {meshes.frame_names[index]}", "has another number of vertices")
            file.write(mesh.vertices.astype("<f4").tobytes())
            progress.advance(index + 1)


PC2 = ExportFormat("pc2", "a PC2 point cache", ".pc2", write_point_cache, one_topology=True)
