"""Measuring: candidates in processes of their own, in turns, and what follows from the samples."""
