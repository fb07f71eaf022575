"""What the policy sees of a prompt: sentences, quantities, formats, options, fields and spans. Never a reference."""
