"""What is imported."""

from pathlib import Path
from typing import Literal

from engine.core.config import Config


class ImportConfig(Config):
    """Which meshes, and how long their unit is."""

    meshes: Path
    """A mesh file, a folder with one per frame, or a GLB file with a node per frame; in the world of the recording."""
    unit: Literal["m", "cm", "mm"] = "m"
    """Unit of their coordinates."""
