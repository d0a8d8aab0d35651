"""Evidence packs as files: written the same way for the same books, and opened without trusting what is in them."""
