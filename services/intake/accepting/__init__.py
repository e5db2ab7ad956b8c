"""From the door to 202: a place, conflict or not, published or not, remembered."""
