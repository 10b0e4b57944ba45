"""Indexes of binary codes: one interface, an embedded engine and Milvus."""
