"""Adapters: no business word in here."""
