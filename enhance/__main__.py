"""`python -m enhance` is the console command."""

from enhance.cli import entry_point

entry_point()
