"""What a source's values become: numbers, times, words and ids in the declared types."""
