"""What the machine and its system are asked for: free memory, fast arithmetic."""
