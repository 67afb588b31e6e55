"""Decoded video in, enhanced video out: where frames come from, the frame loop, where they go."""
