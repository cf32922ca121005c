"""What listens: the embedded Storage SCP, and the one that hears of Storage Commitment."""
