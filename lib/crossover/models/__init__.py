"""Students: models that are fine-tuned on synthetic data, all by one recipe."""
