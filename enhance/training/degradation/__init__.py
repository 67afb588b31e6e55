"""What people's files have gone through: JPEG as many programs write it, once or twice, for training pairs."""

from enhance.training.degradation.encode import Uint8, encode_jpeg
from enhance.training.degradation.jpeg import JpegDegradation
from enhance.training.degradation.recipes import CodedCrop, JpegCoding, Recipe

__all__ = ["CodedCrop", "JpegCoding", "JpegDegradation", "Recipe", "Uint8", "encode_jpeg"]
