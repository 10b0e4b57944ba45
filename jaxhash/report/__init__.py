"""Tables on the terminal, curves, retrieved images, and the HTML report."""
