"""Who sells to the group, and how they are rated."""
