"""Rendered rooms: geometry, furniture, textures, images and their targets."""
