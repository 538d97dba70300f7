"""Makes the built-in depth sequence: a body and a motion that the built-in model has never seen.

python scripts/make_demo_sequence.py
"""

import shutil
import tempfile
from pathlib import Path

from engine.dataset.registered import load_registered_dataset
from engine.dataset.rendering import render_sequence
from external.anny.generate import generate_dataset
from npm_studio.resources import demo_sequence

SEED, IDENTITY, FRAMES = 7, 1, 20

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        generate_dataset(Path(work) / "anny", IDENTITY + 1, 1, FRAMES, SEED, families=("jumping_jack",))
        dataset = load_registered_dataset(Path(work) / "anny")
        shutil.rmtree(demo_sequence(), ignore_errors=True)
        render_sequence(dataset, IDENTITY, dataset.sequences_of(IDENTITY)[0], demo_sequence())
