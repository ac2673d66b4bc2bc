"""The loop and what surrounds it: objective, optimizer, schedule, checkpoints, progress."""
