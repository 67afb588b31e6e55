"""Pictures that are not photos, drawn by chance: what a model meets beside photos, and what it must not harm."""

from enhance.training.drawings.kinds import KINDS, draw

__all__ = ["KINDS", "draw"]
