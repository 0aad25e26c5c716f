"""Crystal structures of refined phases, and what they tell."""
