"""One function a claim of the study, chapter by chapter; modules that are not in `ORDER` come last."""

ORDER = ("schedules", "ddpm", "looks", "restoration", "samples", "bias")  # the study's
