"""Simulation: random schedules of everything that can go wrong, on real parts and a clock that is ours."""
