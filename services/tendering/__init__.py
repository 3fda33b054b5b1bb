"""Tendering: framework agreements, prices, ceilings and reference prices."""
