"""Planar YCbCr frames and the containers of raw video: layout, colour, YUV4MPEG2, plain planes. Knows of no codec."""
