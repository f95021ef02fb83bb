"""The scheme of these examples: 8-bit weights for each channel, 8-bit inputs for each tensor. It is
W8A8 with calibrated inputs. Their range is a moving average, which depends on the order of the
batches."""

SCHEME = {
    "weights": {"num_bits": 8, "strategy": "channel"},
    "input_activations": {"num_bits": 8, "symmetric": False},
}
