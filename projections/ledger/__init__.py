"""The ledger of signed facts, and the sums that figures ask of it."""
