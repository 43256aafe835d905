"""Branches and the people in them: their training, their engagement, the experience they give."""
