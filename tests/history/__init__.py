"""Tests of the import of order history."""
