"""Recordings of depth cameras: one reader per format, registered in ``pyproject.toml``.

==================  ===============================================================================================
`tum`               TUM RGB-D, a folder with ``depth.txt``
`png_folder`        PNG, PGM, TIFF or ``.npy`` in a folder, or a subfolder that says depth, with `intrinsics`
`npy_file`          one ``.npy`` with a stack (F, H, W)
`npz_file`          one ``.npz`` with depth (T, H, W) and K
`sens`              ScanNet, ``.sens``
`kinect_mkv`        Azure Kinect, ``.mkv``, needs the package ``av``
`realsense_bag`     RealSense and other ROS 1 bags, ``.bag``, needs the package ``rosbags``
`ros2_bag`          ROS 2, a folder with ``metadata.yaml``, ``.db3`` or ``.mcap``, needs the package ``rosbags``
`point_files`       a folder of, or one, ``.ply``, ``.pcd``, ``.obj`` or ``.xyz``
==================  ===============================================================================================
"""
