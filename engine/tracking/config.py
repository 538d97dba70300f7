"""Configuration of the tracker."""

from typing import Annotated

from pydantic import Field

from engine.core.config import Config


class TrackerConfig(Config):
    """How a track is written."""

    resolution: Annotated[int, Field(ge=16, le=1024)] = 256
    """Grid of the final mesh."""
