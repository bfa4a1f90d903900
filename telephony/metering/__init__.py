"""What a call uses and whether there is money for it: where calls meet `billing`, which knows nothing of them."""
