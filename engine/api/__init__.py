"""HTTP: credentials, refusals, the endpoints and their OpenAPI document."""
