"""Meshes for other programs: GLB files in metres."""

from collections.abc import Mapping
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.geometry.mesh import Mesh, vertex_normals
from engine.geometry.similarity import Similarity

_CLAY = (0.72, 0.58, 0.49, 1.0)


def save_glb(meshes: Mapping[str, Mesh], similarity: Similarity, path: Path) -> None:
    """Write named meshes into one GLB, a node each, in world metres (the unit of glTF 2.0, Y up).

    Args:
        meshes: canonical units
        similarity: between canonical units and metres

    Raises:
        InputError: there are no meshes, or one has no triangles.
    """
    import trimesh

    if not meshes:
        raise InputError(path, "there is nothing to export")
    scene = trimesh.Scene()
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=_CLAY, metallicFactor=0.0, roughnessFactor=0.7)
    for name, mesh in meshes.items():
        if mesh.is_empty:
            raise InputError(f"{path}: {name}", "has no triangles")
        geometry = trimesh.Trimesh(
            similarity.to_world(mesh.vertices),
            mesh.faces,
            vertex_normals=vertex_normals(mesh.vertices, mesh.faces),
            visual=trimesh.visual.TextureVisuals(material=material),
            process=False,
        )
        scene.add_geometry(geometry, node_name=name, geom_name=name)
    with replacing_file(path) as temporary:
        temporary.write_bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=True))
