"""Linear heads in closed form on what a frozen network gives."""
