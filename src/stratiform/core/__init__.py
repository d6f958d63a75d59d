"""The kernel: one walk from the top down, one pick at each level. No network, no data set, no file access."""
