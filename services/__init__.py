"""The services: one package per bounded context, and what puts them together."""
