"""Networks of the library CompressAI as base codecs, with weights that users bring: each a codec of its own."""
