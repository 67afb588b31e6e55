#!/usr/bin/env python3
"""Trains a model; the same as `enhance train`. See `scripts/train.py --help`."""

import sys

from enhance.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
