"""What an environment costs: sourced prices, an estimate before, a budget that refuses, and what AWS billed after."""
