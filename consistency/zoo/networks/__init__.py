"""Files of weights as networks: formats, third-party programs, sizes and the meaning of their numbers."""
