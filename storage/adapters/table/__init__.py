"""Tables of one's own: their layout, and a profile made for them."""
