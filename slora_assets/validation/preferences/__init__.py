"""What people prefer, blind: the pairs they see, the choices they make, what follows from these."""
