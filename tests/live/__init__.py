"""What a newcomer and the engineer at three in the morning see: real processes, started as they start them."""
