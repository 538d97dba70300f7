"""The shape and the pose stage of training."""
