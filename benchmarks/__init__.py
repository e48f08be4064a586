"""Speed, measured in one run on real work. No test asserts these figures."""
