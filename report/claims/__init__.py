"""One function a claim of the study, chapter by chapter, in the order of the ledger."""

from report.claims import ddpm, restoration, samples, original  # noqa: F401, I001 - enter their claims
