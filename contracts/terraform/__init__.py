"""Contracts on a plan of Terraform: what can be known before anything is applied, and what cannot."""
