"""What the carrier has recorded, brought here: whole calls and voicemail. And what is kept no longer than it should."""
