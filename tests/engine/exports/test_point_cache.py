import struct
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.exports.content import ExportContent
from engine.exports.export_format import export
from engine.exports.point_cache import PC2
from tests.support.exported import boxes, changing_mesh
from tests.support.progress import Listener


def test_a_point_cache_has_a_sample_of_all_points_for_each_frame(tmp_path: Path) -> None:
    content = boxes()
    export(content, PC2, tmp_path / "box.pc2")
    data = (tmp_path / "box.pc2").read_bytes()
    assert struct.unpack_from("<12siiffi", data) == (b"POINTCACHE2\0", 1, 42, 0.0, 1.0, 4)
    samples = np.frombuffer(data, "<f4", offset=32).reshape(4, 42, 3)
    np.testing.assert_array_equal(samples, content.meshes.vertices())


def test_what_has_other_triangles_in_each_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has other triangles in each frame, which a PC2 point cache cannot hold"):
        export(ExportContent(changing_mesh()), PC2, tmp_path / "box.pc2")


def test_a_cancelled_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export(boxes(), PC2, tmp_path / "box.pc2", Listener(1))
    assert list(tmp_path.iterdir()) == []
