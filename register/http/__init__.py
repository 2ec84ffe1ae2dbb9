"""What every API family shares of HTTP: messages, fields, filters, pages, conditions, routes and operations."""
