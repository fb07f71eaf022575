"""REST-JSON services driven by botocore's own service models: routing, validation, serialisation."""
