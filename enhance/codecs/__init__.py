"""Base decoders: bytes in, `enhance.images.DecodedImage` out; a folder for each codec. Way in: `registry.decode`."""
