"""The raw release of the CAPE dataset (Ma et al. 2020): clothed registrations in motion, and some of their scans."""
