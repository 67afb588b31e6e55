"""What travels with the pixels: EXIF corrected in place, and what is carried over from a file to its result."""
