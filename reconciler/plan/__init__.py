"""Deciding, pure: resources, diff, order, impact, change sets, approvals, reverses and how they read.

Never here: disk, network, clock or environment; everything comes in as values.
"""
