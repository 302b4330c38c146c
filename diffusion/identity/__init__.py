"""What a training and its samples are known by: things described as JSON, the code of a user's own, files."""
