"""What a network is made of, for one who cuts it: groups of channels that go together, and what they cost."""
