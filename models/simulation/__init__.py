"""The simulator: reactions, running sessions, action spaces, patience."""
