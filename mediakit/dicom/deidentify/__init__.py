"""De-identification by PS3.15 Annex E: the table, the options, pseudonyms, the engine, the search for traces.

Nothing here reads or writes files: data sets and values in, data sets and values out.
"""
