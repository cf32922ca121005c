"""The ledger of imports: what became of every instance, kept so that no end of the process loses it."""
