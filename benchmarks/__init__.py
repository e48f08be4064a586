"""Measures speed on real work. No test asserts these figures."""
