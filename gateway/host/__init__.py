"""The objects an embedding program uses."""
