"""The research report: prose with placeholders, the claims ledger, and the build of HTML and PDF."""
