"""Dataset folders and sample files of the published NPM code (Palafox et al. 2021), GAPS and IF-Net."""
