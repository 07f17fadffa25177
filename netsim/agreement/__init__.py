"""Both engines agree: every shipped scenario, over seeds and packings, simulated and emulated (`tools/agreement`)."""
