"""Places for the enhancer inside other libraries' pipelines, a file for each library, imported when it is asked for.

Importing one of them costs next to nothing: neither torch nor the library is imported before it is used. What several
need belongs below, and nothing imports them.
"""
