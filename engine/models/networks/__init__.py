"""Networks: positional encoding, shape (signed distance) and pose (displacement) decoders, voxel encoders."""
