"""Who takes a number's calls: an agent here or elsewhere, a person, voicemail or nobody; when, and after which key."""
