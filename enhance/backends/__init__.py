"""What computes the network in torch's place: as a file of ONNX, and the runtimes that take it."""
