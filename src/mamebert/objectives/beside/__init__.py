"""What objectives train beside an encoder."""
