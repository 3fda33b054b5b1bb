"""What a developer's machine runs."""
