"""Personal data and secrets: found by their form, named, and taken out."""
