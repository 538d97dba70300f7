"""Many pieces of work, each with a result of its own on disk, by the processes of one machine or of a cluster."""
