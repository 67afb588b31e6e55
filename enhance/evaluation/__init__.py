"""How much is gained: `evaluate` measures a plan and reports it, `planning` makes a plan."""
