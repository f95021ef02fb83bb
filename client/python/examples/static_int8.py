"""The scheme of these examples: 8-bit weights by channel, 8-bit inputs by tensor. It is W8A8 with
inputs that are calibrated: their range is a moving average, which depends on the batches' order."""

SCHEME = {
    "weights": {"num_bits": 8, "strategy": "channel"},
    "input_activations": {"num_bits": 8, "symmetric": False},
}
