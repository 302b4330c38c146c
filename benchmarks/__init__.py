"""What the project's speed is worth: ratios against a typical user's loop, and against the machine.

`make bench`, or `python -m benchmarks --help`. One file an idea:

    baseline    the textbook user's code        ours       the project's training step, one at a time
    timing      candidates that take turns      settings   sizes of a run: full, quick, tiny
    figures     a measurement and its target    groups     the groups of measurements, by name
    training, zoom_operator, data_batch, sampling, frechet, memory, report_run: one group of the table each
    floor       the machine's own limit         breakdown  where the time of a step goes
    experiments, chunks, side_by_side: what was tried
    growth      how cost grows with size        child, jobs, worker   fresh processes
    trained     a network to sample from        results    a group's result as a file
    table, plot, publish: what a run leaves     paper      the whole paper-scale training
"""
