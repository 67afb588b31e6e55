"""Measurements of the blind estimate, for `scripts/measure_blind.py`."""
