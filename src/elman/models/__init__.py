"""Networks from cells: recurrent layers, inputs, pooling, heads."""
