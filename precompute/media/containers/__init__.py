"""What containers state: where a file ends, which of its tracks is meant, and how its picture is cropped or encrypted."""
