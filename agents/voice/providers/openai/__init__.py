"""OpenAI, and servers that speak its chat protocol. The SDK is imported when a call first needs it."""
