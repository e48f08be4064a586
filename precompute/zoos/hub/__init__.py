"""Networks of the Hugging Face hub: presets, what their numbers mean, fetching and adding them."""
