"""A page on this machine for people who don't type commands: drop files, look, change knobs, take the results."""
