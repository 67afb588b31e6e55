"""Fills the repository's own pages: tables and numbers out of what `enhance eval` measured."""
