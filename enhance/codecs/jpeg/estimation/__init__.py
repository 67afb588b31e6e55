"""Tells from pixels how a picture was coded before: quality, grid, scale, and how sure that is. No torch, no files."""
