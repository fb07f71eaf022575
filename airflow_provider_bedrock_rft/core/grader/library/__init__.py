"""Graders to compose; a grader that uses one carries it, and the library it stands on, into its Lambda."""
