"""The policy ``local-sim``: a log-linear policy over an answer grammar, trained by GRPO from rewards alone.

It reads the text of a prompt (``reading``), writes a completion as a walk through small decisions (``grammar``), each
a softmax over the candidates the prompt offers (``choice``, ``sampling``), and moves its weights by the rewards its
groups of completions earned (``grpo``). It is no language model, and its numbers say nothing about one.
"""
