"""What `load` gives: arrays, tensors, batches and episodes of a dataset."""
