"""The study: its settings and profiles, records, measures and figures. Rests on `diffusion` alone."""
