"""What a person looks at: the table at the end of a run, the display while it runs, pictures of the network."""
