"""One file per cell: its equations, its paper, its variant. A cell knows one step and nothing of time."""
