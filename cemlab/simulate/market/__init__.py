"""What lies outside the company: the household panel, rival brands, shopping styles, a catalogue."""
