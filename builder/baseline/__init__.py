"""What can be learned from a dataset: a policy is trained on some of its episodes, and plays."""
