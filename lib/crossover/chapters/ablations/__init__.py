"""What moves the crossover: the chapter on ablations."""
