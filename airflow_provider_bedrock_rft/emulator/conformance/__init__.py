"""The native planes, examined with requests made from the vendor's service models."""
