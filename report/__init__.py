"""The tool: from a profile to a report about any models, whose every number leads to its rows."""

import diffusion as diffusion  # which says how to make the environment where it is missing
