"""What can be compared: the Method protocol and its implementations."""
