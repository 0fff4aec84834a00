"""Seeded misconfigurations of a real environment: each must be found, by the contract that names its risk alone."""
