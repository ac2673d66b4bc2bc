"""One file per task: binds encoding, network, loss, metrics, rivals and slices."""
