"""The import of order history: a file of the past and a mapping of its columns become commands to the four contexts."""
