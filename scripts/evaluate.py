#!/usr/bin/env python3
"""Measures the enhancement on a folder of lossless originals; the same as `enhance eval`."""

import sys

from enhance.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["eval", *sys.argv[1:]]))
