"""Base decoders: bytes in, `enhance.images.DecodedImage` out. `enhance.codecs.registry.decode` is the way in."""
