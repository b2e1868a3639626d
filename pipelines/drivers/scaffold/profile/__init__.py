"""Reading a bounded sample of a table, and writing the declaration that it suggests."""
