"""Errors, the catalogue, recipes, results and safe files: what every room shares. Imports nothing of ours."""
