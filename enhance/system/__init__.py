"""What the machine and its system are asked for: whole files, locks, memory, fast arithmetic, and limits on inputs."""
