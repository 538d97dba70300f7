"""The published recipe of fitting (Palafox et al., NPMs, ICCV 2021), to compare with."""
