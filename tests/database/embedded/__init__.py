"""Tests of the embedded server: real servers, real kills."""
