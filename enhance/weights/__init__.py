"""The checkpoints that ship with the package, one a codec; README.md says how each was made."""
