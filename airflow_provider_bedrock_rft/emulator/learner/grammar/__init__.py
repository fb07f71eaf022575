"""The answer grammar: the decisions a completion is made of, and the text they come to."""
