"""The network: backbone, attention at its nodes, pooling, hash head."""
