"""New samples, through Inspect: tasks, a grid of contexts and seeds, scorers, a metric, and a planner over `eval_set`.

Providers, retries, rate limits, batches, caches, sandboxes and logs are Inspect's. Here is what it lacks: questions whose options
never change place (`questions`, `banks`, `sources`), a context and a seed for every sample (`grid`), what is asked and what was
answered (`prompts`, `probabilities`, `choosing`, `scorers`, `metrics`), and how much of it, at what price (`budgets`, `plan`,
`cost`, `held`, `run`).
"""
