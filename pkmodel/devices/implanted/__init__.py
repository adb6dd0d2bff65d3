"""The implanted pump: prescription, reservoir, catheter, faults, and what leaves the tip."""
