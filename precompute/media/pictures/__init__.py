"""From a decoded frame to the picture that is shown: colours, tone mapping, cropping, rotation and size."""
