"""Measuring: originals, how they are coded, what is compared, the numbers of each picture and where they are kept."""
