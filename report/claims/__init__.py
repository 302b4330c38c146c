"""One function a claim of the study, chapter by chapter; modules that are not in `ORDER` come last."""

ORDER = ("ddpm", "restoration", "samples")  # the study's
