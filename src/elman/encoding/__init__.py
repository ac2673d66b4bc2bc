"""Raw sequences to tensors: tokenizers, scalers, windows, splits, batches."""
