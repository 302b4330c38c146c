"""One function a claim of the study, chapter by chapter. A module that is added comes after those named here."""

ORDER = ("schedules", "ddpm", "looks", "restoration", "samples", "bias")  # the study's
