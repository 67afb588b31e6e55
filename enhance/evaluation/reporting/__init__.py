"""From the numbers of pictures to means with intervals, tables and plots."""
