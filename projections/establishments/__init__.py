"""Who is a member of the group."""
