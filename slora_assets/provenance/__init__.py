"""What was made from what: hashes, atomic files, records, the change log."""
