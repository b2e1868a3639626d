"""Disease progression from long-term patient records: declaration and simulator."""
