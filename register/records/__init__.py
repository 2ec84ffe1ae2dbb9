"""The core records as documents: collections, translation, and the unit of work that changes them."""
