"""The test bench: a grader is run on the dataset itself, and on completions derived from it, before it may train."""
