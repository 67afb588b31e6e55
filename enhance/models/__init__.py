"""The network, and the checkpoints that hold it with everything that sampling needs to know."""
