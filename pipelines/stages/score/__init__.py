"""Stage ``score``: the rows of a day, scored with the champion of that day."""
