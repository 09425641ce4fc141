"""The blind comparison: a page where a person picks the better of two unlabelled clips."""
