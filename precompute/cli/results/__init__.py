"""`python -m precompute results`: predictions and ground truth computed elsewhere, in and out."""
