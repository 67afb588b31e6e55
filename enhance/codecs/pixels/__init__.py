"""Pictures in files that do not tell how they were coded before: PNG, WebP, BMP, TIFF. Their pixels have to tell."""
