"""How the network that ships with the project was trained; not needed to run it."""
