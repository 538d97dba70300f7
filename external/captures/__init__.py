"""Recordings of depth cameras: one reader per format, registered in ``pyproject.toml``.

==================  ===============================================================================================
`tum`               TUM RGB-D, a folder with ``depth.txt``
`png_folder`        16-bit PNG in a folder, or its subfolder ``depth``, with intrinsics; see `intrinsics`
`npz_file`          one ``.npz`` with depth (T, H, W) and K
`sens`              ScanNet, ``.sens``
`kinect_mkv`        Azure Kinect, ``.mkv``, needs the package ``av``
`realsense_bag`     RealSense and other ROS 1 bags, ``.bag``, needs the package ``rosbags``
`point_files`       a folder of, or one, ``.ply``, ``.pcd`` or ``.obj``
==================  ===============================================================================================
"""
