"""Identity of trainings and of samples: things described as JSON, the code of a user's own, files."""
