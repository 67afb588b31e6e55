"""A page that shows pictures before and after, in one file that needs no network."""
