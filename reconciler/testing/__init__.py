"""What tests are built from: a clock that stands still, builders, the suite that every provider must pass."""
