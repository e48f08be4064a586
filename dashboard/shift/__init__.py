"""What the Shift page shows: ladders of the store, curves over their strengths, and what they say in words."""
