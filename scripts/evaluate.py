#!/usr/bin/env python3
"""Measures the enhancement on a folder of lossless originals: the same as `enhance eval`."""

from __future__ import annotations

import argparse
import sys

from enhance.evaluation import cli


def main() -> int:
    parser = argparse.ArgumentParser(description=cli.DESCRIPTION)
    cli.add_arguments(parser)
    try:
        return cli.main(parser.parse_args())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
