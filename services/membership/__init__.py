"""Membership: who belongs to the group, and what they may order under."""
