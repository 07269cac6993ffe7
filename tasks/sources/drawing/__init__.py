"""Drawn people, rooms and landscapes, and the chains that make photographs or generated pictures of them.

Colours are linear light, float32 RGB with 1 as paper white; lengths on a head are in halves of its height.
"""
