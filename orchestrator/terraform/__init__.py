"""Terraform's plans and states as data: one reader for the review of permissions and for the contracts on a plan."""
