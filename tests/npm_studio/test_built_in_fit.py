"""The built-in model on the built-in recording, in what a toy model is too simple for."""

from dataclasses import replace

import numpy as np
import pytest

from engine.core.progress import Progress
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes
from engine.methods.npm.observing import observe
from engine.methods.npm.sequence import placed_vertices
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from engine.surface.extract import extract_surface
from npm_studio.resources import demo_model, demo_sequence

torch = pytest.importorskip("torch")


def test_a_frame_without_anybody_is_led_by_those_beside_it() -> None:
    """Thirty times a second: single precision could not solve for its step, and the fit broke."""
    model = load_model(demo_model(), torch.device("cpu"))
    four = open_subject(demo_sequence(), registered_readers(), AS_RECORDED, model).subset([0, 1, 2, 3])
    images = [four.depth_m(frame) for frame in range(4)]
    four = replace(four, times_s=np.arange(4) / 30)
    gap = replace(four, read_frame=lambda frame: images[frame] * np.float32(frame != 1))
    whole, led = (fit_codes(model, observe(each, model), FitConfig()) for each in (four, gap))
    surface = extract_surface(model, whole.shape_code, 48).vertices
    seen, guessed = (placed_vertices(model, codes, surface, Progress()) for codes in (whole, led))
    apart_m = np.linalg.norm(seen - guessed, axis=2).mean(axis=1)
    assert apart_m[1] < 0.05, apart_m
