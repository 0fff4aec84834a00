"""Reports: one document of results, rendered for people and for machines."""
