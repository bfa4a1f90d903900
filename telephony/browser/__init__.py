"""An agent tried from its editor: by voice through the media socket that the carrier uses, and by typing."""
