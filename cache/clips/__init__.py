"""What a store lists of its clips: one row each, derived from the manifests and never trusted over them."""
