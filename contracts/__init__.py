"""Generated: the public language as schemas, examples and catalogue."""
