"""What a lesson calls from its cells: its opening, its predictions, the source of what it uses."""
