"""A run as plain PyTorch: one script and one notebook that do not know Elman."""
