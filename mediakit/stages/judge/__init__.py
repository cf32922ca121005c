"""Judge: which instances the profile or the identity guard lets pass."""
