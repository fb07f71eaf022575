"""Amazon Bedrock's native control plane and runtime, beside Mantle on the same engine."""
