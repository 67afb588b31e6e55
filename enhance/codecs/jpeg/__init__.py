"""JPEG: the decoder, what its markers say, its rate, and the projection onto the originals that a file stands for."""
