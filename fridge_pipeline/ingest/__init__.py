"""Landing files become stored readings. Owns the landing zone, formats, rejections; knows neither usage nor Stripe."""
