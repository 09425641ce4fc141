"""Does a file, with everything that it was made from, still say what its stages wrote?"""
