"""`slora detect`: what a file says of itself, by whichever of its marks is left."""
