"""Projections: one folder per question somebody asks, and the only writer."""
