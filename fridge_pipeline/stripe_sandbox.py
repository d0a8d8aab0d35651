"""The former name of the local Stripe sandbox, for scripts that start it as ``fridge_pipeline.stripe_sandbox``."""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("stripe_sandbox", run_name="__main__", alter_sys=True)
