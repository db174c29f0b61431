"""The synthetic optimizer: small transformers that imitate steepest descent, and how far they depart from it.

    setting      what is asked: the problem, the course of training, the rollouts; presets          <- read this first
    tokens       numbers as sign, exponent and digits
    quadratic    the problem and the exact expert
    network      the transformer, and one optimizer step decoded with a cache
    files        tensors in a file
    train        teacher forcing with AdamW, resumable to the bit, on a GPU as one CUDA graph
    rollouts     starts, and where they are led
    folder       what a run keeps, and where
    sweep        sizes x seeds over processes, GPUs, shards and clusters
    departures   rollouts -> error, bias² and variance along the steps
    scaling      the same against size: power laws, and whether bias falls faster than variance
    results      what came out: tables, statements that were tested, and a sample table
    claims       whether the paper's claims hold

Imports run in this order.
"""
