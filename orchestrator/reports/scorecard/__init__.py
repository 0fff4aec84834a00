"""The scorecard: risk by layer on one page, merged from reports, where an empty cell is visible release risk."""
