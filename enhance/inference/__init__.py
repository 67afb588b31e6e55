"""A network over a picture of any size: tiles and bands, the sampled residual, and the pixels made of it."""
