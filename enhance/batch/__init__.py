"""Many pictures in one call: what will be done, and doing it with decoding and writing beside the network."""
