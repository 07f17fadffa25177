"""Pages to look at in a browser: each is one file that needs nothing else, also without a network."""
