"""Ordering: orders, receipts, invoices, and the ceiling that holds."""
