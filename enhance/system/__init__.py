"""What the machine is asked for (whole files, locks, memory, fast arithmetic, limits), and how things are shown."""
