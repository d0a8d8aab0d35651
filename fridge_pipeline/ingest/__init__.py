"""Landing files become stored readings. Owns the landing zone, formats, rejections; knows no usage and no Stripe."""
