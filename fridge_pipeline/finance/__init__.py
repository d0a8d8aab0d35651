"""What finance and auditors read and sign: months, reports, evidence packs, explanations."""
