"""Recordings of depth cameras: readers for what users have, recognised by `open_capture.open_capture`."""
