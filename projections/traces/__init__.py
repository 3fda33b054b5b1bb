"""What one request caused."""
