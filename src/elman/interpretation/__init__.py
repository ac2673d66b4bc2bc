"""One file per question about a trained network; never changes the network."""
