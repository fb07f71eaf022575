"""A comparison and its decision for people and machines: page, Markdown, text, JSON."""
