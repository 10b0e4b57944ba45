"""Indexes of codes: the interface, SQLite with FAISS on one machine, Milvus on a cluster."""
