"""Teardown's proof: an inventory that does not depend on Pulumi's state, and the receipt that it signs."""
