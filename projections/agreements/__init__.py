"""Which agreements there are, and how much of their maximum is used."""
