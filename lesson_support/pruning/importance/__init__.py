"""What a channel is worth: statistics of activations, and the scores that importances make of them."""
