"""Billing systems that nobody here wrote, as targets: what holds against them holds because of the engine."""
