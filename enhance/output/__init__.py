"""Results on the disk: encoded as PNG, JPEG, WebP, TIFF or others, written whole or not at all. Without torch."""
