"""How the base checkpoint of ``local-sim`` came about: problems of its own, learnt by maximum likelihood.

``python -m airflow_provider_bedrock_rft.emulator.learner.pretraining`` writes the package's ``local-sim.weights`` anew.
"""
