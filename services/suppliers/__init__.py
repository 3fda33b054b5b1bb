"""Suppliers: who sells to the group, and how they are rated."""
