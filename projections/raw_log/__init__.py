"""What was published, byte for byte."""
