"""The simulated company Halden, whose truth is known, and its oracle."""
