"""The console command: `main` finds the subcommand; each of the others is one command, or what several share."""
