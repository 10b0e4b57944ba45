"""What people look at: tables on the terminal, curves, and pictures of what was found."""
