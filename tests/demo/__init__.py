"""Tests of the generated demo network."""
