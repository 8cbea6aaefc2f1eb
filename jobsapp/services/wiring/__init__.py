"""Use cases and their collaborators, by area: a new one is a field and an argument in the file of its area."""
