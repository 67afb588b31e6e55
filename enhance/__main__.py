"""`python -m enhance` is the console command."""

from enhance.cli.main import entry_point

entry_point()
