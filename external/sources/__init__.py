"""Sources of depth for tracking: one module per kind, registered in ``pyproject.toml``.

==================  ===============================================================================================
`folder`            a folder of depth images that another program is writing; `folder_layout`, `whole_files` and
                    `frame_times` say what is read of it and when
`realsense`         a RealSense camera, needs the package ``pyrealsense2``; `gravity` says which way is up for it
`recording`         any recording that `external.captures` reads, at its own rate or frame by frame
==================  ===============================================================================================
"""
