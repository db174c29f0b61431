"""Small reasoning models of our own: what they are asked, how they are trained, how they answer."""
