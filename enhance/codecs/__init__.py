"""Base decoders: bytes in, `enhance.images.DecodedImage` out. `enhance.codecs.base.decode` is the way in."""
