import threading

import numpy as np
import pytest
import torch

from npm_studio.session.live import field
from npm_studio.session.live.field import SlicePlane, SliceReply, SliceRequest, SliceWorker
from npm_studio.session.live.field_picture import field_colours, paint_field
from tests.support.toy_model import toy_model

LOW, HIGH = (-0.4, -0.45, -0.2), (0.45, 0.4, 0.25)


def replies_of(worker_requests: list[SliceRequest], expected: int) -> list[SliceReply]:
    """The first ``expected`` answers to requests posted one after the other."""
    got: list[SliceReply] = []
    errors: list[Exception] = []
    enough = threading.Event()

    def take(reply: SliceReply) -> None:
        got.append(reply)
        if len(got) == expected:
            enough.set()

    worker = SliceWorker(toy_model(), take, errors.append)
    for request in worker_requests:
        worker.post(request)
    assert enough.wait(20)
    assert worker.close()
    assert errors == []
    return got


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_values_on_a_plane_are_those_of_the_model(axis: int) -> None:
    model = toy_model()
    request = SliceRequest(model.shape_codes[1], SlicePlane(axis, 0.03, LOW, HIGH), 0.1, 0.01)
    rough, fine = replies_of([request], 2)
    assert rough.values.shape == (field.ROUGH_NODES,) * 2
    assert fine.values.shape == (field.FINE_NODES,) * 2
    for reply in (rough, fine):
        points = request.plane.nodes(len(reply.values))
        np.testing.assert_array_equal(points[..., axis], np.float32(0.03))
        expected = model.sdf(model.shape_codes[1][None], torch.from_numpy(points.reshape(1, -1, 3)))
        np.testing.assert_allclose(reply.values.ravel(), expected[0].detach().numpy(), atol=2e-6)


def test_a_plane_spans_its_box_in_the_two_other_axes() -> None:
    for axis, (across, up) in enumerate(((2, 1), (0, 2), (0, 1))):
        plane = SlicePlane(axis, 0.1, LOW, HIGH)
        assert plane.size == (HIGH[across] - LOW[across], HIGH[up] - LOW[up])
        corners = plane.corners()
        np.testing.assert_allclose(corners[0][[across, up]], (LOW[across], HIGH[up]), rtol=1e-6)
        np.testing.assert_allclose(corners[2][[across, up]], (HIGH[across], LOW[up]), rtol=1e-6)
        nodes = plane.nodes(3)
        assert (np.diff(nodes[..., up], axis=0) > 0).all()
        assert (np.diff(nodes[..., across], axis=1) > 0).all()


def test_the_latest_plane_is_made_fine_and_waiting_ones_are_dropped() -> None:
    code = toy_model().shape_codes[0]
    requests = [SliceRequest(code, SlicePlane(2, 0.001 * step, LOW, HIGH), 0.1, 0.01) for step in range(40)]
    got: list[SliceReply] = []
    done = threading.Event()

    def take(reply: SliceReply) -> None:
        got.append(reply)
        if reply.request is requests[-1] and len(reply.values) == field.FINE_NODES:
            done.set()

    worker = SliceWorker(toy_model(), take, lambda error: None)
    for request in requests:
        worker.post(request)
    assert done.wait(20)
    assert worker.close()
    assert len(got) < 2 * len(requests)
    order = [requests.index(reply.request) for reply in got]
    assert order == sorted(order)


def test_an_error_is_reported_and_the_thread_goes_on() -> None:
    errors: list[Exception] = []
    answered, failed = threading.Event(), threading.Event()

    def note(error: Exception) -> None:
        errors.append(error)
        failed.set()

    worker = SliceWorker(toy_model(), lambda _: answered.set(), note)
    worker.post(SliceRequest(torch.zeros(3), SlicePlane(0, 0.0, LOW, HIGH), 0.1, 0.01))
    assert failed.wait(20)
    worker.post(SliceRequest(toy_model().shape_codes[0], SlicePlane(0, 0.0, LOW, HIGH), 0.1, 0.01))
    assert answered.wait(20)
    assert worker.close()
    assert len(errors) == 1


def test_a_picture_of_a_ball_is_blue_inside_orange_outside_and_dark_on_the_surface() -> None:
    line = np.linspace(-1, 1, 81, dtype=np.float32)
    values = (np.hypot(line[:, None], line[None]) - 0.5).astype(np.float32)
    picture = paint_field(values, (2.0, 2.0), limit=0.4, spacing=0.1, pixels=401).astype(int)
    red, _, blue, opacity = np.moveaxis(picture, 2, 0)
    middle = 200
    assert blue[middle, middle] > red[middle, middle] + 40
    assert red[middle, middle + 130] > blue[middle, middle + 130] + 40
    assert picture[middle, middle + 100, :3].max() < 60  # the surface, half of the way to the edge
    assert opacity[middle, middle] == 255
    assert opacity[0, 0] == 0  # beyond the limit
    halfway = picture[middle, middle + 120, :3]  # a line at 0.1
    beside = picture[middle, middle + 125, :3]
    assert halfway.sum() < beside.sum() - 60


def test_rows_of_a_picture_run_downwards_while_those_of_values_run_upwards() -> None:
    values = np.linspace(-0.1, 0.1, 21, dtype=np.float32)[:, None].repeat(21, axis=1)
    picture = paint_field(values, (1.0, 1.0), limit=0.2, spacing=0.05, pixels=64).astype(int)
    assert picture[-4, 32, 2] > picture[-4, 32, 0]  # inside, blue, below
    assert picture[3, 32, 0] > picture[3, 32, 2]


def test_field_colours_meet_pale_in_the_middle() -> None:
    colours = field_colours(256).astype(int)
    assert colours.shape == (256, 3)
    assert colours[127].sum() > colours[0].sum() + 300
    assert colours[128].sum() > colours[255].sum() + 300
