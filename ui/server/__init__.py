"""The server: one FastAPI application with the page, REST, the OpenAI protocol and MCP."""
