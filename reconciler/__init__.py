"""Ratecard: billing as code.

Specs become an ordered, reversible change set; a named person approves exactly that change set; it is applied once,
journaled, and can be reversed. Nothing lives in this file.
"""
