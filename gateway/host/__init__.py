"""What an embedding program holds."""
