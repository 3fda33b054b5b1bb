"""The full run on one machine without Docker: broker, databases and every process of ours, kept up and shown."""
