"""One function for each claim of the original study, in the order of the ledger, and comparisons of ours."""

from paper.claims import ddpm, restoration, samples, original, conditions  # noqa: F401, I001 - they register their claims
