"""What has happened to each order."""
