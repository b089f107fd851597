"""Benchmarks: what each part of a plan costs, beside what others cost in the same run. `python -m tests.bench`.

Each figure is taken in a fresh process, in turns with what it is compared to; nothing is asserted on time.
"""
