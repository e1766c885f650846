"""What can be seen of a dataset: films of its episodes, the card's preview, the viewer."""
