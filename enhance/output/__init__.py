"""Results on the disk: encoded as PNG, JPEG, WebP or TIFF, and written whole or not at all. Knows nothing of torch."""
